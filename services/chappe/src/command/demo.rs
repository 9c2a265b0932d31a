//! `chappe demo`

use std::{net::SocketAddr, process::ExitCode};

use anyhow::{Context, Result, bail};
use chappe_kit::{telemetry, telemetry::LogConfig};
use clap::value_parser;

use crate::{
    cli::Output,
    client::Client,
    demo::{self, Size, report},
    mesh::{
        embedded::{self, Embedded},
        process::Signals,
    },
    output,
    settings::{Listen, Settings},
};

/// The built-in mailbox keeps 10,000 e-mails, and an event may cause one.
const MAX_EVENTS: i64 = 10_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// People
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = value_parser!(u32).range(10..=100_000))]
    customers: u32,
    /// Events they cause, refused ones not counted
    #[arg(long, value_name = "N", default_value_t = 6_000, value_parser = value_parser!(u32).range(10..=MAX_EVENTS))]
    events: u32,
    /// Events a second
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = value_parser!(u32).range(1..))]
    rate: u32,
    /// Another seed makes another story; the same one makes the same again
    #[arg(long, value_name = "N", default_value_t = 1794)]
    seed: u64,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let log = LogConfig {
        level: "warn".to_owned(),
        ..LogConfig::default()
    };
    telemetry::init_logs(&log)?;
    let directory = tempfile::tempdir().context("cannot make a directory for the demonstration")?;
    let mut signals = Signals::listen()?;
    let mesh = Embedded::start(settings(), directory.path()).await?;
    let size = Size {
        customers: args.customers,
        events: args.events,
        rate: args.rate,
        seed: args.seed,
    };
    let outcome = tokio::select! {
        outcome = demonstrate(&mesh, size) => outcome,
        () = mesh.asked_to_stop(&mut signals) => Err(anyhow::anyhow!("stopped before the end")),
    };
    mesh.stop().await;
    let report = outcome?;
    output::print(args.output.output, &serde_json::to_value(&report)?, report::table)?;
    for discrepancy in report.discrepancies() {
        eprintln!("wrong: {discrepancy}");
    }
    Ok(if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Any free ports, so that it never meets another mesh on this machine.
fn settings() -> Settings {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Settings {
        listen: Listen {
            rest: any,
            grpc: any,
            admin: any,
            ..Listen::default()
        },
        ..embedded::defaults()
    }
}

async fn demonstrate(mesh: &Embedded, size: Size) -> Result<report::Report> {
    let Some(mailbox) = mesh.mailbox() else {
        bail!("the built-in mailbox did not start");
    };
    let at = mesh.credentials();
    let client = Client::with(&at.rest_url, at.rest_api_key.clone(), at.project_key.clone())?;
    demo::run(&client, mailbox, size).await
}
