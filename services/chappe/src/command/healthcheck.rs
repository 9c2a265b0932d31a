//! `chappe healthcheck`: for containers without a shell.

use std::{process::ExitCode, time::Duration};

use anyhow::Result;

use crate::{client::unreachable, output};

/// Longest wait: container runtimes give up soon after.
const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Admin listener to ask
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:9090")]
    address: String,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let url = format!(
        "http://{}/readyz",
        args.address.trim_start_matches("http://").trim_end_matches('/')
    );
    let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    let response = http.get(&url).send().await.map_err(|error| unreachable(&url, &error))?;
    let (ready, text) = (response.status().is_success(), response.text().await?);
    output::write(&text)?;
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
