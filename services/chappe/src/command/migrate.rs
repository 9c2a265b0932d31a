//! `chappe migrate`

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use chappe_store::migrate::Status;

use crate::{
    mesh::database::{self, Place},
    output,
    settings::Flags,
};

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
    let key = settings.keys.master()?;
    for service in args
        .service
        .map_or_else(|| database::STATEFUL.to_vec(), |service| vec![service])
    {
        let database = Place::of(service, &settings, &args.data_dir)?
            .open(&args.data_dir)
            .await?;
        let status = database
            .migrate()
            .await
            .with_context(|| format!("the schema of {service}"))?;
        if let Some(key) = &key {
            database.require_key(key, "set keys.master to that key").await?;
        }
        output::line(&format!("{service}: {}", told(&status)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn told(status: &Status) -> String {
    let applied = match &*status.pending {
        [] => "up to date".to_owned(),
        steps => format!("applied {}", steps.join(", ")),
    };
    match &*status.newer {
        [] => applied,
        steps => format!("{applied}; has {} of a newer version", steps.join(", ")),
    }
}
