//! One file per command.

pub(crate) mod apply;
pub(crate) mod delete;
pub(crate) mod demo;
pub(crate) mod get;
pub(crate) mod healthcheck;
pub(crate) mod import;
pub(crate) mod inactivity;
pub(crate) mod migrate;
pub(crate) mod privacy;
pub(crate) mod project;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod up;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{Cli, Command};

/// Runs a command; the code is its own where it has more to say than done or failed.
pub(crate) async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Up(args) => up::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Project(kind) => project::run(kind).await,
        Command::Healthcheck(args) => healthcheck::run(args).await,
        Command::Apply(args) => apply::run(args).await,
        Command::Get(args) => get::run(args).await,
        Command::Delete(args) => delete::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Import(kind) => import::run(kind).await,
        Command::Privacy(kind) => privacy::run(kind).await,
        Command::Inactivity(kind) => inactivity::run(kind).await,
    }
}
