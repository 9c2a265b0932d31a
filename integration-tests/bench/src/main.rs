//! `make bench`: what the binary does, beside what a minimal client does with the same stores and the same receiver in
//! the same run. Ratios travel from machine to machine; figures do not.

mod database;
mod idle;
mod latency;
mod mail;
mod mesh;
mod minimal;
mod relay;
mod report;
mod sizes;
mod traffic;
mod updates;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};

use crate::{
    mesh::Stores,
    report::Report,
    sizes::{FULL, QUICK, Sizes},
};

/// Measures a release build of chappe. `make bench` starts the stores for it.
#[derive(Debug, Parser)]
struct Args {
    /// What to measure; everything unless told
    #[arg(value_enum)]
    sections: Vec<Section>,
    /// PostgreSQL with the right to create databases
    #[arg(long, value_name = "URL", env = "TEST_POSTGRES_URL")]
    database_url: String,
    #[arg(long, value_name = "URL", env = "TEST_REDIS_URL")]
    redis_url: String,
    /// The binary; the one beside this program unless told
    #[arg(long, value_name = "FILE")]
    chappe: Option<PathBuf>,
    /// Small sizes: shows that everything runs, and measures nothing
    #[arg(long)]
    quick: bool,
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    Updates,
    Latency,
    Mail,
    Idle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Json,
}

/// What every section needs.
struct Bench {
    chappe: PathBuf,
    stores: Stores,
    sizes: Sizes,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<()> {
    let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("chappe"));
    let bench = Bench {
        chappe: args.chappe.map_or_else(beside, Ok)?,
        stores: Stores {
            postgres: args.database_url,
            redis: args.redis_url,
        },
        sizes: if args.quick { QUICK } else { FULL },
    };
    let mut report = Report::default();
    for section in Section::value_variants() {
        if args.sections.is_empty() || args.sections.contains(section) {
            eprintln!("measuring: {section:?}");
            measure(*section, &bench, &mut report)
                .await
                .with_context(|| format!("{section:?}"))?;
        }
    }
    match args.output {
        Form::Table => println!("{}", report.table()),
        Form::Json => println!("{}", serde_json::to_string(&report)?),
    }
    Ok(())
}

async fn measure(section: Section, bench: &Bench, report: &mut Report) -> Result<()> {
    match section {
        Section::Updates => updates::measure(bench, report).await,
        Section::Latency => latency::measure(bench, report).await,
        Section::Mail => mail::measure(bench, report).await,
        Section::Idle => idle::measure(bench, report).await,
    }
}

/// Waits for the next look at something that changes by itself.
async fn pause(time: Duration) {
    tokio::time::timeout(time, std::future::pending::<()>()).await.ok();
}
