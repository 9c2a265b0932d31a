//! What becomes of messages whose claim has run out: only looked at, they are queued again; being attempted, they
//! follow their class.

use std::time::Duration;

use chappe_kit::{Error, Timestamp};
use chappe_store::Sql;
use sea_orm::DatabaseTransaction;

use super::attempt::Finished;

/// Messages settled in one transaction.
const LIMIT: i64 = 1_000;

/// How long after a look claims may be settled.
const PROMPT: Duration = Duration::from_secs(1);

/// Ends every claim, for a store whose only process has just started.
pub(crate) async fn end_all(txn: &DatabaseTransaction) -> Result<u64, Error> {
    Sql::new("update messages set lease_until = 0 where state in (2, 3)")
        .execute(txn)
        .await
}

/// Settles claims that have run out by the time of the database: the clock of a replica that goes wrong would end those
/// of the others. Nothing is settled when the statement comes long after `looked_at`: the database stood still in between.
/// Answers how many are queued again, and those that ended as unknown.
pub(crate) async fn settle(
    txn: &DatabaseTransaction,
    looked_at: Timestamp,
    now: Timestamp,
) -> Result<(u64, Vec<Finished>), Error> {
    let queued = Sql::new(
        "update messages set state = 1, due_at = {now}, claimed_by = null, lease_until = null
         where (project_id, message_id) in (
           select project_id, message_id from messages
           where lease_until < {db_now} and state in (2, 3) and (state = 2 or class = 2)
           order by lease_until limit {limit})
           and lease_until < {db_now} and state in (2, 3) and (state = 2 or class = 2) and {db_now} <= {latest}",
    )
    .bind("now", now.micros())
    .bind("latest", (looked_at + PROMPT).micros())
    .bind("limit", LIMIT)
    .execute(txn)
    .await?;
    let unknown = Sql::new(
        "update messages set state = 7, finished_at = {now}, claimed_by = null, lease_until = null,
           event_attributes = null, reason = 'the sending process ended before the answer'
         where (project_id, message_id) in (
           select project_id, message_id from messages
           where lease_until < {db_now} and state in (2, 3) and state = 3 and class = 1
           order by lease_until limit {limit})
           and lease_until < {db_now} and state in (2, 3) and state = 3 and class = 1 and {db_now} <= {latest}
         returning project_id, message_id, profile_id, lane, state, reason, template, orchestration_id, step, traceparent",
    )
    .bind("now", now.micros())
    .bind("latest", (looked_at + PROMPT).micros())
    .bind("limit", LIMIT)
    .all(txn)
    .await?;
    Ok((queued, unknown.iter().map(Finished::read).collect::<Result<_, _>>()?))
}
