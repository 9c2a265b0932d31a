//! Tells automation what became of its messages. A long poll.

use std::time::Duration;

use chappe_kit::{
    Error,
    grpc::{Caller, context},
};
use chappe_proto::email::{Outcome, PullOutcomesRequest, PullOutcomesResponse};
use tokio::time::Instant;
use tonic::Request;

use super::convert;
use crate::{
    app::{App, topic},
    store,
};

const MAX_ROWS: i32 = 1_000;
const MAX_WAIT_MS: i32 = 30_000;
/// Looking again without a hint.
const POLL: Duration = Duration::from_millis(250);

pub(super) async fn pull(app: &App, request: Request<PullOutcomesRequest>) -> Result<PullOutcomesResponse, Error> {
    Caller::of(&request)?.require_service()?;
    let request = request.into_inner();
    let lanes: Vec<_> = request.lanes.iter().map(|lane| i64::from(*lane)).collect();
    let limit = i64::from(if request.max_rows <= 0 {
        MAX_ROWS
    } else {
        request.max_rows.min(MAX_ROWS)
    });
    let wait = Duration::from_millis(request.wait_ms.clamp(0, MAX_WAIT_MS).unsigned_abs().into());
    let until = Instant::now() + context::remaining(wait);
    let mut hints = app.coordination.hints.subscribe(topic::OUTCOMES);
    loop {
        let outcomes = store::outcome::pull(app.db.read(), &lanes, limit).await?;
        let left = until.saturating_duration_since(Instant::now());
        if !outcomes.is_empty() || left.is_zero() || app.runtime.lifecycle.is_stopping() {
            return Ok(PullOutcomesResponse {
                outcomes: outcomes.into_iter().map(outcome).collect(),
            });
        }
        tokio::select! {
            _ = hints.wait(left.min(POLL)) => {}
            () = app.runtime.lifecycle.stopping() => {}
        }
    }
}

fn outcome(outcome: store::outcome::Outcome) -> Outcome {
    let (project, message) = outcome.message;
    Outcome {
        project_id: project.to_string(),
        message_id: message.to_string(),
        state: convert::state_to_proto(outcome.state),
        reason: outcome.reason.unwrap_or_default(),
    }
}
