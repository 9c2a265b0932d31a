#![doc = include_str!("../README.md")]

mod client;
mod report;

use std::time::Duration;

use chappe_kit::{Error, Lifecycle, Timestamp};
use chappe_proto::privacy::{GetInactivityRunRequest, InactivityRun, InactivityState, StartInactivityRunRequest};
use tokio::time::Instant;
use tonic::{Response, Status};
use uuid::Uuid;

pub use client::{Client, connect};
pub use report::Report;

/// How often a run is looked at.
const POLL: Duration = Duration::from_millis(250);
/// How long privacy may be unreachable before the run is started: somebody may be waiting at a terminal.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// How long privacy may be unreachable while the run is followed: the run goes on without us, so a restart is
/// waited out.
const FOLLOW_PATIENCE: Duration = Duration::from_mins(2);

/// What run to start.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The instant from which the period counts back; now when absent.
    pub as_of: Option<Timestamp>,
    /// Plan and report, delete nothing.
    pub dry_run: bool,
    /// Highest share of the profiles that may be deleted, 0 to 1; privacy's own limit when absent.
    pub max_ratio: Option<f64>,
    /// Names this attempt, so that a second start of the same attempt finds the run of the first: a UUID, or any
    /// text, such as the name of a Kubernetes Job. Made up when absent.
    pub request_id: Option<String>,
}

/// Starts a run and follows it to its end, which may be bad: see [`Report::exit_code`]. `progress` is shown the run
/// after it is started and at every look. Fails when privacy refuses the run, or is away for too long.
pub async fn run(client: Client, options: Options, mut progress: impl FnMut(&InactivityRun)) -> Result<Report, Error> {
    let request = StartInactivityRunRequest {
        request_id: request_id(options.request_id.as_deref()).to_string(),
        as_of: options.as_of.map(Into::into),
        dry_run: options.dry_run,
        max_ratio: options.max_ratio,
    };
    let waits = Lifecycle::new();
    let started = patiently(&waits, START_PATIENCE, || client.clone().start(request.clone()));
    let mut run = started.await?.run.ok_or_else(no_run)?;
    progress(&run);
    while !is_final(&run) {
        waits.pause(POLL).await;
        let request = GetInactivityRunRequest {
            run_id: run.run_id.clone(),
        };
        let found = patiently(&waits, FOLLOW_PATIENCE, || client.clone().get(request.clone()));
        run = found.await?.run.ok_or_else(no_run)?;
        progress(&run);
    }
    Ok(Report::of(&run))
}

/// The UUID of an attempt. A text that is none names one, so that equal texts are equal attempts.
fn request_id(given: Option<&str>) -> Uuid {
    match given {
        None | Some("") => chappe_kit::IdGen::system().uuid(),
        Some(text) => Uuid::try_parse(text).unwrap_or_else(|_| {
            let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"chappe:inactivity-cron");
            Uuid::new_v5(&namespace, text.as_bytes())
        }),
    }
}

/// Repeats a call, which may be repeated, until it succeeds, is refused, or has failed for too long.
async fn patiently<T, F, Fut>(waits: &Lifecycle, patience: Duration, mut call: F) -> Result<T, Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Response<T>, Status>>,
{
    let give_up = Instant::now() + patience;
    loop {
        match call().await.map_err(Error::from) {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(error) if !error.kind().is_retryable() || Instant::now() >= give_up => return Err(error),
            Err(_) => waits.pause(POLL).await,
        };
    }
}

fn is_final(run: &InactivityRun) -> bool {
    match run.state() {
        InactivityState::Unspecified
        | InactivityState::Planning
        | InactivityState::Planned
        | InactivityState::Deleting => false,
        InactivityState::Held | InactivityState::Succeeded | InactivityState::Halted | InactivityState::Failed => true,
    }
}

fn no_run() -> Error {
    Error::internal("privacy answered without a run")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_equal_attempts() {
        let job = || request_id(Some("chappe-inactivity-cron-28911660"));
        assert_eq!(job(), job());
        assert_ne!(job(), request_id(Some("chappe-inactivity-cron-28913100")));
        let uuid = Uuid::from_u128(7);
        assert_eq!(request_id(Some(&uuid.to_string())), uuid);
        assert_ne!(request_id(None), request_id(None));
    }
}
