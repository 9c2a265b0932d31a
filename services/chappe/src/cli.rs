//! The command line. Scripts outside the project rely on it.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::command;

/// Self-hosted customer data that turns into the right e-mails, and is forgotten when it must be.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs every service in one process; SQLite unless told otherwise
    Up(command::up::Args),
    /// Starts everything on a scratch directory, sends real traffic, and checks every e-mail that arrives
    Demo(command::demo::Args),
    /// Runs one service of the mesh
    Serve(command::serve::Args),
    /// Brings the schemas up to this version
    Migrate(command::migrate::Args),
    /// Asks an admin listener whether its process is ready
    Healthcheck(command::healthcheck::Args),
    /// Makes resources be as written in YAML files
    Apply(command::apply::Args),
    /// Shows resources or messages
    Get(command::get::Args),
    /// Deletes a resource
    Delete(command::delete::Args),
    /// Counts profiles, events and messages of the project
    Status(command::status::Args),
    /// Imports e-mail addresses or events from a file
    #[command(subcommand)]
    Import(command::import::Kind),
    /// Copies or erases everything about one person
    #[command(subcommand)]
    Privacy(command::privacy::Kind),
    /// Deletes profiles that have been inactive for too long
    #[command(subcommand)]
    Inactivity(command::inactivity::Kind),
}

/// Where a running mesh is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Target {
    /// Directory of `chappe up`, whose credentials file is read
    #[arg(long, value_name = "DIR", default_value = "chappe-data", env = "CHAPPE_DATA_DIR")]
    pub(crate) data_dir: PathBuf,
    /// REST address of the gateway, instead of the credentials file
    #[arg(long, value_name = "URL", env = "CHAPPE_ENDPOINT")]
    pub(crate) endpoint: Option<String>,
    /// REST key
    #[arg(long, value_name = "KEY", env = "CHAPPE_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Key of the project
    #[arg(long, value_name = "KEY", env = "CHAPPE_PROJECT")]
    pub(crate) project: Option<String>,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Output {
    /// Form of the result on stdout
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    pub(crate) output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people
    Table,
    /// For scripts
    Json,
    /// For both
    Yaml,
}

/// Prints why a command failed, cause by cause, and gives the exit code for it.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    eprintln!("chappe: {}", causes.join(": "));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
