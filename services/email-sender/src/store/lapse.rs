//! What becomes of messages whose claim has run out: only looked at, they are queued again; being attempted, they
//! follow their class.

use chappe_kit::{Error, Timestamp};
use chappe_store::Sql;
use sea_orm::DatabaseTransaction;

use super::attempt::Finished;

/// Messages settled in one transaction.
const LIMIT: i64 = 1_000;

/// Settles claims that ended before `before`. Answers how many are queued again, and those that ended as unknown.
pub(crate) async fn settle(
    txn: &DatabaseTransaction,
    before: Timestamp,
    now: Timestamp,
) -> Result<(u64, Vec<Finished>), Error> {
    let queued = Sql::new(
        "update messages set state = 1, due_at = {now}, claimed_by = null, lease_until = null
         where (project_id, message_id) in (
           select project_id, message_id from messages
           where lease_until < {before} and state in (2, 3) and (state = 2 or class = 2)
           order by lease_until limit {limit})
           and lease_until < {before} and state in (2, 3) and (state = 2 or class = 2)",
    )
    .bind("now", now.micros())
    .bind("before", before.micros())
    .bind("limit", LIMIT)
    .execute(txn)
    .await?;
    let unknown = Sql::new(
        "update messages set state = 7, finished_at = {now}, claimed_by = null, lease_until = null,
           event_attributes = null, reason = 'the sending process ended before the answer'
         where (project_id, message_id) in (
           select project_id, message_id from messages
           where lease_until < {before} and state in (2, 3) and state = 3 and class = 1
           order by lease_until limit {limit})
           and lease_until < {before} and state in (2, 3) and state = 3 and class = 1
         returning project_id, message_id, profile_id, lane, state, reason, template, orchestration_id, step, traceparent",
    )
    .bind("now", now.micros())
    .bind("before", before.micros())
    .bind("limit", LIMIT)
    .all(txn)
    .await?;
    Ok((queued, unknown.iter().map(Finished::read).collect::<Result<_, _>>()?))
}
