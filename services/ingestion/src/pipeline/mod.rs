//! What happens to edits that are right: resolve → dedup → apply, and again for profiles that were
//! deleted or merged in between.

mod apply;
mod dedup;
pub(crate) mod resolve;

use std::time::Duration;

use bytes::Bytes;
use chappe_kit::{Error, ErrorKind};
use chappe_proto::profile::Idempotency;

use crate::{
    App,
    domain::{edit::Edit, validate::Call},
};

/// Rounds before giving up. Each one means that a profile was deleted between two steps of this call.
const MAX_ROUNDS: usize = 4;

/// How long a caller should wait until profiles have moved.
const RETRY_MOVING: Duration = Duration::from_millis(100);

/// What became of the edits of a call.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) events_applied: i64,
    pub(crate) events_duplicate: i64,
    /// The stored answer, when the call is a repetition.
    pub(crate) replayed: Option<Bytes>,
}

/// Has the edits applied. Everything is durable when this returns.
pub(crate) async fn run(
    app: &App,
    call: &Call<'_>,
    edits: Vec<Edit>,
    idempotency: Option<Idempotency>,
) -> Result<Done, Error> {
    let mut done = Done::default();
    let mut pending: Vec<resolve::Pending> = edits
        .into_iter()
        .map(|edit| resolve::Pending::new(edit, &app.runtime.ids))
        .collect();
    for _ in 0..MAX_ROUNDS {
        let resolved = resolve::resolve(app, call.project, pending).await?;
        let fresh = dedup::drop_seen(app, call.project, resolved, &mut done).await;
        if fresh.is_empty() && idempotency.is_none() {
            return Ok(done);
        }
        let applied = apply::apply(app, call, fresh, idempotency.clone()).await?;
        if let Some(stored) = applied.replayed {
            return Ok(Done {
                replayed: Some(stored),
                ..done
            });
        }
        done.events_applied += applied.events_applied;
        done.events_duplicate += applied.events_duplicate;
        dedup::mark(app, call.project, &applied.committed).await;
        pending = applied.retired;
        if pending.is_empty() {
            return Ok(done);
        }
    }
    Err(Error::new(
        ErrorKind::Aborted,
        "PROFILE_MOVING",
        "a profile of this call is being deleted or merged; try again",
    )
    .retry_after(RETRY_MOVING))
}
