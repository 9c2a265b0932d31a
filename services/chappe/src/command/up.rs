//! `chappe up`

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use chappe_kit::{IdGen, config, telemetry};

use crate::{
    mesh::{
        embedded::{self, Embedded},
        process::Signals,
    },
    output,
    settings::Flags,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directory of the SQLite files, the keys and credentials.json
    #[arg(long, value_name = "DIR", default_value = "chappe-data", env = "CHAPPE_DATA_DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    flags: Flags,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let settings = args.flags.load_over(&embedded::defaults())?;
    if args.flags.dump_config {
        output::line(&config::dump(&settings)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    telemetry::init_logs(&settings.log)?;
    let traces = telemetry::init_traces(&settings.traces, "chappe", &IdGen::system())?;
    let mut signals = Signals::listen()?;
    let mesh = Embedded::start(settings, &args.data_dir).await?;
    let at = mesh.credentials();
    output::line(&format!(
        "chappe ready rest={} grpc={} admin={}",
        at.rest_url, at.grpc_addr, at.admin_url
    ))?;
    if mesh.mailbox().is_some() {
        eprintln!("e-mails stay here: {}", at.smtp_capture_url);
    }
    mesh.asked_to_stop(&mut signals).await;
    let code = mesh.stop().await;
    traces.flush().await;
    Ok(code)
}
