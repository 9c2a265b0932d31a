//! Hands what happened over to profile-store. Opt-outs have a loop of their own, so that nothing is in their way.

pub(crate) mod engagement;
pub(crate) mod opt_outs;

use std::{sync::Arc, time::Duration};

use chappe_coordination::Waiter;
use chappe_ids::ClaimId;
use chappe_kit::{Error, ErrorKind, Timestamp};
use chappe_store::outbox;

use crate::app::App;

/// How long a claimed row is this relay's.
const LEASE: Duration = Duration::from_secs(30);
/// First pause after a failure; doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Rows waiting between looks without a hint.
const IDLE: Duration = Duration::from_millis(500);

/// Rows under a claim.
struct Claimed {
    claim: ClaimId,
    rows: Vec<outbox::Row>,
}

async fn claim(app: &App, topic: &str, limit: u32) -> Result<Claimed, Error> {
    let claim = ClaimId::from_uuid(app.runtime.ids.uuid());
    let now = app.now();
    // Looking first costs a read where nothing waits, instead of the one writer that SQLite has.
    if outbox::oldest_due(app.db.read(), topic, now).await?.is_none() {
        return Ok(Claimed {
            claim,
            rows: Vec::new(),
        });
    }
    let rows = app
        .db
        .write(async |txn| outbox::claim(txn, topic, now, claim, LEASE, limit).await)
        .await?;
    Ok(Claimed { claim, rows })
}

/// When a row that failed is tried again.
fn next_try(now: Timestamp, attempts: i64, longest: Duration) -> Timestamp {
    let doublings = u32::try_from(attempts.clamp(1, 16) - 1).unwrap_or(0);
    now + (FIRST_PAUSE * 2_u32.pow(doublings)).min(longest)
}

/// What to do about a failed hand-over: later for everything that may pass, a person for the rest.
async fn failed(
    app: &App,
    claim: ClaimId,
    rows: &[outbox::Row],
    error: &Error,
    longest: Duration,
) -> Result<(), Error> {
    let refused = matches!(
        error.kind(),
        ErrorKind::InvalidArgument | ErrorKind::FailedPrecondition | ErrorKind::NotFound
    );
    let now = app.now();
    app.db
        .write(async |txn| {
            if let ([row], true) = (rows, refused) {
                outbox::park(txn, claim, row.id(), error.reason()).await?;
            } else {
                let attempts = rows.iter().map(|row| row.attempts).min().unwrap_or(1);
                let ids: Vec<_> = rows.iter().map(outbox::Row::id).collect();
                outbox::retry(txn, claim, &ids, next_try(now, attempts, longest)).await?;
            }
            Ok(())
        })
        .await
}

/// Runs `once` until the shutdown, waiting for a hint when it found nothing.
async fn repeat(app: &Arc<App>, mut hints: Waiter, doing: &str, once: impl AsyncFn(&App) -> Result<usize, Error>) {
    let lifecycle = app.runtime.lifecycle.clone();
    while !lifecycle.is_stopping() {
        match once(app).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => error.log(doing),
        }
        tokio::select! {
            _ = hints.wait(IDLE) => {}
            () = lifecycle.stopping() => {}
        }
    }
}
