//! `chappe get`

use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use clap::error::ErrorKind;
use comfy_table::Table;
use serde_json::{Value, json};

use crate::{
    cli::{Form, Output, Target},
    client::Client,
    output,
    resource::kind,
};

/// What the gateway lists at a time.
const MAX_MESSAGES: usize = 1_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to show: project, sender, template, automation, messages or profile
    #[arg(value_parser = what)]
    kind: What,
    /// Name of the resource, all when absent; for profile, and where wanted for messages, the custom id of the person
    name: Option<String>,
    /// Only messages in this state, such as queued, deferred, accepted, rejected or skipped
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Messages,
    Profile,
    Resource(&'static str),
}

fn what(text: &str) -> Result<What> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "messages" | "message" => What::Messages,
        "profile" | "profiles" => What::Profile,
        _ => What::Resource(kind::canonical(text).map_err(|error| anyhow!("{error}, or messages, or profile"))?),
    })
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    if args.state.is_some() && args.kind != What::Messages {
        return Err(clap::Error::raw(ErrorKind::ArgumentConflict, "only messages have a --state\n").into());
    }
    if args.kind == What::Profile && args.name.is_none() {
        let remedy = "name the person's custom id: chappe get profile ID\n";
        return Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, remedy).into());
    }
    let client = Client::new(&args.target)?;
    let form = args.output.output;
    match args.kind {
        What::Messages => messages(&client, form, args.name.as_deref(), args.state.as_deref()).await?,
        What::Profile => profile(&client, form, &args.name.unwrap_or_default()).await?,
        What::Resource(kind) => resources(&client, form, kind, args.name.as_deref()).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn profile(client: &Client, form: Form, id: &str) -> Result<()> {
    let path = format!("/chappe/v1/profiles?custom_id={}", kind::escape(id));
    let found = client.get(&path).await.with_context(|| format!("custom id {id}"))?;
    output::print(form, &found, output::members)
}

async fn messages(client: &Client, form: Form, custom_id: Option<&str>, state: Option<&str>) -> Result<()> {
    let mut path = format!("/chappe/v1/messages?limit={MAX_MESSAGES}");
    for (key, value) in [("custom_id", custom_id), ("state", state)] {
        if let Some(value) = value {
            path.extend(["&", key, "=", &kind::escape(value)]);
        }
    }
    let found = client.get(&path).await?;
    if found["messages"]
        .as_array()
        .is_some_and(|found| found.len() == MAX_MESSAGES)
    {
        eprintln!("only the newest {MAX_MESSAGES} messages are shown; a custom id or --state shows others");
    }
    output::print(form, &found, message_table)
}

async fn resources(client: &Client, form: Form, kind: &str, name: Option<&str>) -> Result<()> {
    let name = name.map(|name| format!("/{}", kind::escape(name))).unwrap_or_default();
    let mut found = client.get(&format!("/chappe/v1/resources/{kind}{name}")).await?;
    if form == Form::Yaml {
        for resource in found["resources"].as_array().into_iter().flatten() {
            output::write(&format!("---\n{}", output::yaml(&document(resource))))?;
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

fn message_table(found: &Value) -> Table {
    const COLUMNS: [&str; 5] = ["state", "attempts", "template", "step", "reason"];
    let mut table = output::table(["enqueued_at"].into_iter().chain(COLUMNS));
    for message in found["messages"].as_array().into_iter().flatten() {
        let enqueued_at = message["enqueued_at"].as_str().unwrap_or_default();
        let to_the_second = enqueued_at.split('.').next().unwrap_or_default().trim_end_matches('Z');
        let cells = COLUMNS.map(|column| output::cell(&message[column]));
        table.add_row([format!("{to_the_second}Z")].into_iter().chain(cells));
    }
    table
}
