//! `chappe project create`: for a mesh of separate processes; `chappe up` makes its project itself.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use chappe_kit::{
    Clock,
    grpc::{Balancer, CallKey, peer::Connector},
};
use chappe_proto::identity::identity_service_client::IdentityServiceClient;
use clap::Subcommand;
use serde_json::json;

use crate::{
    cli::Output,
    mesh::first_start::{self, OPERATOR},
    output,
    settings::Flags,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Kind {
    /// Creates a project and prints its keys, this once
    Create(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the project
    name: String,
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(kind: Kind) -> Result<ExitCode> {
    let Kind::Create(args) = kind;
    let settings = args.flags.load()?;
    let Some(keys) = settings.keys.master()? else {
        bail!("keys.master is not set; give the mesh's own, with CHAPPE__KEYS__MASTER_FILE");
    };
    let address = &settings.peers.identity;
    let identity = Balancer::new(identity::NAME, address)?;
    let peer = Connector::new(OPERATOR, CallKey::new(&keys), Clock::system()).remote(&identity);
    let created = first_start::create_project(&mut IdentityServiceClient::new(peer), &args.name).await;
    let created = created.with_context(|| format!("identity at {address}"))?;
    let keys = json!({
        "project_key": created.project_key,
        "rest_api_key": created.rest_api_key,
        "app_keys": created.app_keys,
    });
    output::print(args.output.output, &keys, output::members)?;
    Ok(ExitCode::SUCCESS)
}
