//! Deletes what is past its time, in small batches: events by the day they were received, retired profile ids,
//! idempotency keys, blocks. Never moves the last activity of anybody.

use std::time::Duration;

use chappe_coordination::Acquired;
use chappe_ids::ProjectId;
use chappe_kit::{Error, Timestamp};
use chappe_store::{idempotency, retired};

use crate::{App, store, telemetry};

/// How often the job runs.
const EVERY: Duration = Duration::from_hours(1);

/// Rows deleted by one transaction: so few that PostgreSQL finds each by its key.
const BATCH: u32 = 1_000;

/// The lock that spares replicas the same work. Deleting twice would do no harm.
const LOCK: &str = "profile-store.purge";

pub(crate) async fn run(app: &App) {
    let lifecycle = &app.runtime.lifecycle;
    while !lifecycle.is_stopping() {
        // The lock is not released, so that another replica takes its turn in an hour at the earliest.
        let taken = app.coordination.locks.acquire(LOCK, EVERY / 2).await;
        if !matches!(taken, Acquired::Taken)
            && let Err(error) = once(app).await
        {
            error.log("purging what is past its time");
        }
        lifecycle.pause(EVERY).await;
    }
}

/// One pass.
pub(crate) async fn once(app: &App) -> Result<(), Error> {
    let now = app.runtime.clock.now();
    for project in store::subject::projects(app.db.read()).await? {
        events(app, project, now).await?;
        let blocks = app
            .db
            .write(async |txn| store::blocked::purge(txn, project, now).await)
            .await?;
        telemetry::purged("blocks", blocks);
    }
    while !app.runtime.lifecycle.is_stopping() {
        let retired = app.db.write(async |txn| retired::purge(txn, now, BATCH).await).await?;
        let calls = app
            .db
            .write(async |txn| idempotency::purge(txn, now, BATCH).await)
            .await?;
        telemetry::purged("retired_profiles", retired);
        telemetry::purged("idempotency_keys", calls);
        if retired.max(calls) < u64::from(BATCH) {
            break;
        }
    }
    Ok(())
}

async fn events(app: &App, project: ProjectId, now: Timestamp) -> Result<(), Error> {
    // Whole days: an event is kept a little longer than promised, never shorter.
    let before_day = i64::from(now.day()) - i64::from(app.config.event_retention_days);
    while !app.runtime.lifecycle.is_stopping() {
        let deleted = app
            .db
            .write(async |txn| store::event::purge(txn, project, before_day, BATCH).await)
            .await?;
        telemetry::purged("events", deleted);
        if deleted < u64::from(BATCH) {
            break;
        }
    }
    Ok(())
}
