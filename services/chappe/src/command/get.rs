//! `chappe get`

use std::process::ExitCode;

use anyhow::Result;
use comfy_table::Table;
use serde_json::{Value, json};

use crate::{
    cli::{Form, Output, Target},
    client::Client,
    output,
    resource::kind,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kind of resource (project, sender, template, automation), `messages` or `profile`
    kind: String,
    /// Name of the resource; custom id for `profile`
    name: Option<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let client = Client::new(&args.target)?;
    let form = args.output.output;
    match args.kind.as_str() {
        "messages" | "message" => {
            let found = client.get("/chappe/v1/messages?limit=1000").await?;
            output::print(form, &found, messages)?;
        }
        "profile" | "profiles" => {
            let id = args
                .name
                .ok_or_else(|| anyhow::anyhow!("name the custom id: chappe get profile ID"))?;
            let found = client
                .get(&format!("/chappe/v1/profiles?custom_id={}", kind::escape(&id)))
                .await?;
            output::print(form, &found, output::members)?;
        }
        other => resources(&client, form, kind::canonical(other)?, args.name.as_deref()).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn resources(client: &Client, form: Form, kind: &str, name: Option<&str>) -> Result<()> {
    let name = name.map(|name| format!("/{}", kind::escape(name))).unwrap_or_default();
    let mut found = client.get(&format!("/chappe/v1/resources/{kind}{name}")).await?;
    if form == Form::Yaml {
        for resource in found["resources"].as_array().into_iter().flatten() {
            println!("---\n{}", output::yaml(&document(resource)));
        }
        return Ok(());
    }
    if form == Form::Json && !name.is_empty() {
        found = found["resources"][0].take();
    }
    output::print(form, &found, table)
}

/// A resource in the form that `chappe apply` reads.
fn document(resource: &Value) -> Value {
    json!({
        "apiVersion": "chappe/v1",
        "kind": resource["kind"],
        "metadata": { "name": resource["name"] },
        "spec": resource["spec"],
    })
}

fn table(found: &Value) -> Table {
    let mut table = output::table(["kind", "name", "version", "state"]);
    for resource in found["resources"].as_array().into_iter().flatten() {
        let state = output::cell(&resource["spec"]["state"]);
        let [kind, name, version] = ["kind", "name", "version"].map(|key| output::cell(&resource[key]));
        table.add_row([kind, name, version, state]);
    }
    table
}

fn messages(found: &Value) -> Table {
    let columns = [
        "enqueued_at",
        "state",
        "reason",
        "template",
        "step",
        "attempts",
        "message_id",
    ];
    let mut table = output::table(columns.map(|column| column));
    for message in found["messages"].as_array().into_iter().flatten() {
        table.add_row(columns.map(|column| output::cell(&message[column])));
    }
    table
}
