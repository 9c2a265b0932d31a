//! `chappe serve`

use std::process::ExitCode;

use anyhow::Result;
use chappe_kit::{IdGen, config, telemetry};
use clap::ValueEnum;

use crate::{mesh::single, output, settings::Flags};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Service to run
    service: Service,
    #[command(flatten)]
    flags: Flags,
}

/// The services of the mesh.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Service {
    Identity,
    ProfileStore,
    Ingestion,
    Automation,
    EmailSender,
    Privacy,
    Gateway,
}

impl Service {
    const fn name(self) -> &'static str {
        match self {
            Self::Identity => identity::NAME,
            Self::ProfileStore => profile_store::NAME,
            Self::Ingestion => ingestion::NAME,
            Self::Automation => automation::NAME,
            Self::EmailSender => email_sender::NAME,
            Self::Privacy => privacy::NAME,
            Self::Gateway => gateway::NAME,
        }
    }
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let settings = args.flags.load()?;
    if args.flags.dump_config {
        output::line(&config::dump(&settings)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    telemetry::init_logs(&settings.log)?;
    let service = args.service.name();
    let traces = telemetry::init_traces(&settings.traces, &format!("chappe-{service}"), &IdGen::system())?;
    let ended = single::run(settings, service).await;
    traces.flush().await;
    ended
}
