//! `chappe migrate`

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;

use crate::{mesh::database, settings::Flags};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this service
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// Directory of the SQLite files
    #[arg(long, value_name = "DIR", default_value = "chappe-data")]
    data_dir: PathBuf,
    #[command(flatten)]
    flags: Flags,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let settings = args.flags.load()?;
    for service in database::selected(args.service.as_deref())? {
        let applied = database::open(&settings, &args.data_dir, service)
            .await?
            .migrate()
            .await?;
        let steps = if applied.is_empty() {
            "up to date".to_owned()
        } else {
            format!("applied {}", applied.join(", "))
        };
        println!("{service}: {steps}");
    }
    Ok(ExitCode::SUCCESS)
}
