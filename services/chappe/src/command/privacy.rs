//! `chappe privacy review|erase`

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use chappe_kit::Lifecycle;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    cli::{Output, Target},
    client::Client,
    output,
    resource::kind::escape,
};

/// How often the state of a request is asked for.
const POLL: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
pub(crate) enum Kind {
    /// Saves a copy of everything about one person as a zip archive
    Review {
        /// Custom id of the person
        custom_id: String,
        /// Archive to write
        #[arg(short, long, value_name = "FILE", default_value = "review.zip")]
        file: PathBuf,
        #[command(flatten)]
        common: Common,
    },
    /// Erases one person everywhere, and waits until every service has confirmed it
    Erase {
        /// Custom id of the person
        custom_id: String,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    output: Output,
    /// How long to wait for the end, in seconds; the request goes on without us
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    wait: u64,
}

pub(crate) async fn run(kind: Kind) -> Result<ExitCode> {
    match kind {
        Kind::Review {
            custom_id,
            file,
            common,
        } => review(&custom_id, file, &common).await,
        Kind::Erase { custom_id, common } => erase(&custom_id, &common).await,
    }
}

async fn review(custom_id: &str, file: PathBuf, common: &Common) -> Result<ExitCode> {
    let client = Client::new(&common.target)?;
    let mut request = request(&client, "review", custom_id, common.wait).await?;
    if let Some(url) = request["archive_url"].as_str() {
        let archive = client.download(url).await?;
        tokio::fs::write(&file, archive)
            .await
            .with_context(|| format!("cannot write {}", file.display()))?;
        request["file"] = Value::from(file.display().to_string());
    }
    finish(&request, common, custom_id)
}

async fn erase(custom_id: &str, common: &Common) -> Result<ExitCode> {
    let client = Client::new(&common.target)?;
    let request = request(&client, "remove", custom_id, common.wait).await?;
    finish(&request, common, custom_id)
}

/// Creates a request and follows it to its end.
async fn request(client: &Client, kind: &str, custom_id: &str, wait: u64) -> Result<Value> {
    let body = json!({ "type": kind, "custom_id": custom_id });
    let mut request = client.post("/chappe/v1/privacy/requests", &body).await?;
    let id = request["request_id"].as_str().unwrap_or_default().to_owned();
    let path = format!("/chappe/v1/privacy/requests/{}", escape(&id));
    let lifecycle = Lifecycle::new();
    let done = async {
        while request["status"] != "done" {
            lifecycle.pause(POLL).await;
            request = client.get(&path).await?;
        }
        Ok(request)
    };
    match tokio::time::timeout(Duration::from_secs(wait), done).await {
        Ok(done) => done,
        Err(_) => bail!("the request {id} is not done after {wait} s; it goes on: GET {path}"),
    }
}

/// Prints the request, and whom it was about where it came to nothing.
fn finish(request: &Value, common: &Common, custom_id: &str) -> Result<ExitCode> {
    output::print(common.output.output, request, |request| {
        let mut table = output::table(["what", "value"]);
        for (key, value) in request
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| *key != "participants")
        {
            table.add_row([key.replace('_', " "), output::cell(value)]);
        }
        for participant in request["participants"].as_array().into_iter().flatten() {
            let verified = if participant["verified"] == true {
                "verified"
            } else {
                "not verified"
            };
            let deleted = output::cell(&participant["deleted"]);
            table.add_row([
                output::cell(&participant["service"]),
                format!("{verified}; deleted: {deleted}"),
            ]);
        }
        table
    })?;
    Ok(match request["error"].as_str() {
        Some(error) => {
            eprintln!("chappe: custom id {custom_id}: {error}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    })
}
