//! The command line. Scripts outside the project rely on it.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::command;

/// What stands below the list of commands.
const EXAMPLES: &str = "\
Examples:
  chappe up                           everything in one process
  chappe apply -f shop.yaml           senders, templates, automations as written
  chappe import events history.csv    what happened before
  chappe status                       counts
  chappe get messages                 what became of each e-mail
  chappe privacy erase ada            forgets a person
  chappe inactivity run --dry-run     tells how many a run would delete

Commands find a running Chappe by the credentials file in --data-dir, or by
CHAPPE_ENDPOINT, CHAPPE_TOKEN and CHAPPE_PROJECT. Results go to stdout, all
else to stderr.

Exit codes: 0 done, 1 failed, 2 wrong usage, 42 held by a safety brake";

/// Self-hosted customer data that turns into the right e-mails, and is forgotten when it must be.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
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
    /// Creates a project in a mesh of separate processes
    #[command(subcommand)]
    Project(command::project::Kind),
    /// Asks an admin listener whether its process is ready
    Healthcheck(command::healthcheck::Args),
    /// Makes resources be as written in YAML files
    Apply(command::apply::Args),
    /// Shows resources, messages or a profile
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
    /// REST address of the gateway, such as `http://127.0.0.1:8080`, instead of the credentials file's
    #[arg(long, value_name = "URL", env = "CHAPPE_ENDPOINT")]
    pub(crate) endpoint: Option<String>,
    /// REST key, instead of the credentials file's
    #[arg(long, value_name = "KEY", env = "CHAPPE_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Key of the project, instead of the credentials file's
    #[arg(long, value_name = "KEY", env = "CHAPPE_PROJECT")]
    pub(crate) project: Option<String>,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Output {
    /// Form of the result: a table for people, json or yaml for scripts
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    pub(crate) output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Table,
    Json,
    Yaml,
}

/// Prints why a command failed, cause by cause, and gives the exit code for it.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        usage.print().ok();
        return ExitCode::from(2);
    }
    eprintln!("chappe: {}", causes(error));
    ExitCode::FAILURE
}

/// The causes in one sentence. What only repeats the one before it is left out, and so is a gRPC status: the error around
/// it has said what there is to say.
fn causes(error: &anyhow::Error) -> String {
    let mut told: Vec<String> = Vec::new();
    for cause in error.chain().filter(|cause| !cause.is::<tonic::Status>()) {
        let text = cause.to_string();
        if told.last().is_none_or(|last| !last.ends_with(&text)) {
            told.push(text);
        }
    }
    told.join(": ")
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_first_help_says_what_this_is() {
        let help = Cli::command().render_help().to_string();
        assert!(help.starts_with("Self-hosted customer data"), "{help}");
        assert!(help.contains("chappe apply -f"), "{help}");
    }

    #[test]
    fn no_cause_is_told_twice() {
        let refused = chappe_kit::Error::from(tonic::Status::invalid_argument("max_ratio: must be from 0 to 1"));
        let error = Err::<(), _>(refused).context("the run").unwrap_err();
        assert_eq!(causes(&error), "the run: max_ratio: must be from 0 to 1");
        let twice = anyhow::anyhow!("refused")
            .context("tcp connect error: refused")
            .context("cannot reach it");
        assert_eq!(causes(&twice), "cannot reach it: tcp connect error: refused");
    }
}
