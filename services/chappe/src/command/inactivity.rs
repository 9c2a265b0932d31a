//! `chappe inactivity run`: the program of the `CronJob`. It talks gRPC, to privacy alone.

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, anyhow};
use chappe_kit::{Error, ErrorKind, Timestamp};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    cli::{Output, Target},
    client::CREDENTIALS,
    credentials::Credentials,
    output,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Kind {
    /// Starts a run and follows it to its end; exit code 42 when a safety brake held it
    Run(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Instant from which the period counts back, such as 2026-07-01T00:00:00Z; now when absent
    #[arg(long, value_name = "TIME", value_parser = instant)]
    as_of: Option<Timestamp>,
    /// Counts and reports, deletes nothing
    #[arg(long)]
    dry_run: bool,
    /// Highest share of all profiles that may be deleted, 0 to 1; 0.05, which is 5 %, unless configured
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    max_ratio: Option<f64>,
    /// Name of this attempt, any text: repeating it finds the run instead of starting another
    #[arg(long, value_name = "NAME")]
    request_id: Option<String>,
    /// gRPC address of privacy, such as 127.0.0.1:50051, instead of the credentials file's
    #[arg(long, value_name = "ADDR", env = "CHAPPE_GRPC_ENDPOINT")]
    grpc: Option<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(kind: Kind) -> Result<ExitCode> {
    let Kind::Run(args) = kind;
    let credentials = Credentials::read(&args.target.data_dir)?.unwrap_or_default();
    let given = |flag: Option<String>, file: String, what: &str| {
        let value = flag.filter(|flag| !flag.is_empty()).unwrap_or(file);
        if value.is_empty() {
            Err(anyhow!(
                "{what} is not known: {} has no credentials.json; name the data directory of chappe up with --data-dir, \
                 or set CHAPPE_GRPC_ENDPOINT, CHAPPE_TOKEN and CHAPPE_PROJECT",
                args.target.data_dir.display()
            ))
        } else {
            Ok(value)
        }
    };
    let address = given(args.grpc, credentials.grpc_addr, "the gRPC address")?;
    let token = given(args.target.token, credentials.rest_api_key, "the REST key")?;
    let project = given(args.target.project, credentials.project_key, "the project")?;
    let options = inactivity_cron::Options {
        as_of: args.as_of,
        dry_run: args.dry_run,
        max_ratio: args.max_ratio,
        request_id: args.request_id,
    };
    let client = inactivity_cron::connect(&address, &token, &project)?;
    let bar = progress();
    let report = inactivity_cron::run(client, options, |run| {
        bar.set_length(u64::try_from(run.candidates).unwrap_or_default());
        bar.set_position(u64::try_from(run.deleted).unwrap_or_default());
    });
    let report = report.await;
    bar.finish_and_clear();
    let report = report.map_err(|error| explained(error, &address))?;
    output::print(args.output.output, &serde_json::to_value(&report)?, output::members)?;
    if report.is_held() {
        let remedy = if report.brakes.iter().any(|brake| brake.starts_with("ratio:")) {
            "; if so many are right, --max-ratio raises the limit"
        } else {
            ""
        };
        eprintln!("a safety brake held the run, and nothing was deleted{remedy}");
    }
    Ok(ExitCode::from(report.exit_code()))
}

fn explained(error: Error, address: &str) -> anyhow::Error {
    match error.kind() {
        ErrorKind::Unauthenticated => anyhow!("privacy at {address}: {error}: {CREDENTIALS}"),
        ErrorKind::Unavailable if error.reason() == "UNAVAILABLE" => anyhow::Error::new(error).context(format!(
            "no answer from privacy at {address} (is chappe running there?)"
        )),
        _ => anyhow::Error::new(error).context(format!("the run at {address}")),
    }
}

fn instant(text: &str) -> Result<Timestamp, &'static str> {
    let micros = chappe_query::parse_instant(text);
    micros
        .map(Timestamp::from_micros)
        .ok_or("a time is written like 2026-07-01T00:00:00Z or 2026-07-01")
}

fn ratio(text: &str) -> Result<f64, &'static str> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or("a share is a number from 0 to 1, such as 0.1 for 10 %")
}

fn progress() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{elapsed_precise} {bar:40} {pos}/{len} profiles deleted");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
