//! `chappe migrate`

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;

use crate::{mesh::database, output, settings::Flags};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this service
    #[arg(long, value_name = "SERVICE", value_parser = database::named)]
    service: Option<&'static str>,
    /// Directory of the SQLite files
    #[arg(long, value_name = "DIR", default_value = "chappe-data", env = "CHAPPE_DATA_DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    flags: Flags,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let settings = args.flags.load()?;
    for service in args
        .service
        .map_or_else(|| database::STATEFUL.to_vec(), |service| vec![service])
    {
        let applied = database::open(&settings, &args.data_dir, service)
            .await?
            .migrate()
            .await?;
        let steps = if applied.is_empty() {
            "up to date".to_owned()
        } else {
            format!("applied {}", applied.join(", "))
        };
        output::line(&format!("{service}: {steps}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
