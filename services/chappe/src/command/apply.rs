//! `chappe apply`

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::{
    cli::{Form, Output, Target},
    client::{Client, Refusal},
    output,
    resource::document::{self, Document},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// YAML file, or directory of .yaml and .yml files; may be repeated
    #[arg(short, long, value_name = "PATH", required = true)]
    file: Vec<PathBuf>,
    /// Checks everything and changes nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let documents = document::read(&args.file)?;
    let client = Client::new(&args.target)?;
    let resources: Vec<Value> = documents.iter().map(Document::to_json).collect();
    let body = json!({ "dry_run": args.dry_run, "resources": resources });
    match client.try_post("/chappe/v1/resources:apply", &body).await? {
        Ok(applied) if args.output.output == Form::Table => print(&applied, args.dry_run)?,
        Ok(applied) => output::print(args.output.output, &applied, output::members)?,
        Err(refusal) => bail!(located(&refusal, &documents)),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(applied: &Value, dry_run: bool) -> Result<()> {
    let suffix = if dry_run { " (dry run)" } else { "" };
    for result in applied["results"].as_array().into_iter().flatten() {
        let [kind, name, action] = ["kind", "name", "action"].map(|key| output::cell(&result[key]));
        output::line(&format!("{}/{name} {action}{suffix}", kind.to_lowercase()))?;
    }
    Ok(())
}

/// Every fault with the place in the file where it stands.
fn located(refusal: &Refusal, documents: &[Document]) -> String {
    let faults = refusal.body.pointer("/error/details").and_then(Value::as_array);
    let lines = faults.into_iter().flatten().filter_map(|fault| {
        let document = documents.get(usize::try_from(fault["resource"].as_u64()?).ok()?)?;
        let (path, message) = (fault["path"].as_str()?, fault["message"].as_str()?);
        Some(format!("{}: {path}: {message}", document.place(path)))
    });
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        refusal.message()
    } else {
        format!("nothing was applied\n{}", lines.join("\n"))
    }
}
