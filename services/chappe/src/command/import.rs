//! `chappe import`

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Subcommand;
use comfy_table::Table;
use serde::Serialize;
use serde_json::Value;

use crate::{
    cli::{Output, Target},
    client::Client,
    import, output,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Kind {
    /// Imports events, history included: a .csv file with `custom_id,event,time,<attribute>…`, or an .ndjson file
    Events(Args),
    /// Imports `email,custom_user_id,marketing_subscription,language,region,timezone` from a .csv file
    Emails(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// File to import; importing it twice changes nothing
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(kind: Kind) -> Result<ExitCode> {
    match kind {
        Kind::Events(Args { file, target, output }) => {
            let summary = import::events(&Client::new(&target)?, &file).await?;
            print(output, &summary, summary.rows, summary.rejected)
        }
        Kind::Emails(Args { file, target, output }) => {
            let summary = import::emails(&Client::new(&target)?, &file).await?;
            print(output, &summary, summary.rows, summary.rejected)
        }
    }
}

/// Rejected rows are part of the result; only a file without a single good row is a failure.
fn print(output: Output, summary: &impl Serialize, rows: u64, rejected: u64) -> Result<ExitCode> {
    output::print(output.output, &serde_json::to_value(summary)?, table)?;
    Ok(if rows > 0 && rejected == rows {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The counts; what is wrong with single rows was told on the way.
fn table(summary: &Value) -> Table {
    let mut table = output::table(["what", "rows"]);
    for (what, count) in summary
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, count)| count.is_number())
    {
        table.add_row([what.clone(), output::cell(count)]);
    }
    table
}
