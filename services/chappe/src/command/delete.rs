//! `chappe delete`

use std::process::ExitCode;

use anyhow::Result;

use crate::{cli::Target, client::Client, output, resource::kind};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kind of resource: sender, template or automation
    #[arg(value_parser = kind::canonical)]
    kind: &'static str,
    /// Name of the resource
    name: String,
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let kind = args.kind;
    let path = format!("/chappe/v1/resources/{kind}/{}", kind::escape(&args.name));
    Client::new(&args.target)?.delete(&path).await?;
    output::line(&format!("{}/{} deleted", kind.to_lowercase(), args.name))?;
    Ok(ExitCode::SUCCESS)
}
