//! Calls that may be repeated, repeated while that may help.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::client::{Client, Refusal};

/// How long a mesh that does not answer is waited for: a restart fits.
const PATIENCE: Duration = Duration::from_mins(1);
/// First pause; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// POST of a body that is harmless to repeat. A refusal that will not pass is an answer.
pub(crate) async fn post(client: &Client, path: &str, body: &impl Serialize) -> Result<Result<Json, Refusal>> {
    let patient_until = Instant::now() + PATIENCE;
    let mut delay = FIRST_PAUSE;
    loop {
        let failure = match client.try_post(path, body).await {
            Ok(Err(refusal)) if refusal.is_passing() => refusal.into_error(),
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if delay == FIRST_PAUSE {
            eprintln!("{failure:#}; trying again for a minute");
        }
        if Instant::now() + delay > patient_until {
            return Err(failure.context("gave up after a minute"));
        }
        pause(delay).await;
        delay = LONGEST_PAUSE.min(delay * 2);
    }
}

/// Waits.
pub(crate) async fn pause(duration: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a command waits for another process; no clock to pause"
    )]
    tokio::time::sleep(duration).await;
}
