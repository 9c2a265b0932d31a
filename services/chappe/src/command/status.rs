//! `chappe status`

use std::process::ExitCode;

use anyhow::Result;
use comfy_table::Table;
use serde_json::Value;

use crate::{
    cli::{Output, Target},
    client::Client,
    output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let status = Client::new(&args.target)?.get("/chappe/v1/status").await?;
    output::print(args.output.output, &status, table)?;
    Ok(ExitCode::SUCCESS)
}

fn table(status: &Value) -> Table {
    let mut table = output::table(["what", "count"]);
    for what in ["profiles", "events"] {
        table.add_row([what.to_owned(), output::cell(&status[what])]);
    }
    for (state, count) in status["messages"].as_object().into_iter().flatten() {
        table.add_row([format!("messages {state}"), output::cell(count)]);
    }
    if status["parked"].as_i64().is_some_and(|parked| parked > 0) {
        table.add_row(["messages parked".to_owned(), output::cell(&status["parked"])]);
    }
    for (reason, count) in status["skipped_by_reason"].as_object().into_iter().flatten() {
        table.add_row([format!("  skipped: {reason}"), output::cell(count)]);
    }
    for automation in status["automations"].as_array().into_iter().flatten() {
        let counts = ["live", "completed", "cancelled", "ended"];
        let counts = counts.map(|state| format!("{} {state}", output::cell(&automation[state])));
        table.add_row([
            format!("automation {}", output::cell(&automation["name"])),
            counts.join(", "),
        ]);
    }
    table
}
