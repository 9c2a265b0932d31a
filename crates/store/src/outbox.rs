//! Messages to other services, written with the change that they tell of and handed over afterwards.
//!
//! A relay claims due rows under a lease, hands them over outside any transaction, and acknowledges the claim.
//! A relay that dies loses nothing: its lease runs out. One that overslept cannot acknowledge: its claim is not
//! on the row any more. The receiver must take the same message twice, since between handing over and
//! acknowledging anything may happen. When a message is due, its sender's clock says; leases are the database's.

use std::time::Duration;

use chappe_ids::{ClaimId, ProjectId};
use chappe_kit::{Error, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, QueryResult};
use uuid::Uuid;

use crate::{RowExt as _, Rows, Sql, lease};

/// A message to be handed over.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The project it belongs to.
    pub project: ProjectId,
    /// Its id. The same id again is the same message: it is not stored twice.
    pub id: Uuid,
    /// Which relay takes it.
    pub topic: String,
    /// What it is about, for the receiver's ordering and for erasure.
    pub key: String,
    /// The message itself.
    pub payload: serde_json::Value,
    /// The W3C trace context of the change, to link to.
    pub traceparent: Option<String>,
    /// Not before this instant.
    pub available_at: Timestamp,
}

/// A claimed message.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was enqueued.
    pub message: Message,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// How often it was claimed, this time included.
    pub attempts: i64,
}

impl Row {
    /// What names the row in [`ack`], [`retry`] and [`park`].
    pub fn id(&self) -> RowId {
        (self.message.project, self.message.id)
    }
}

/// The key of a row.
pub type RowId = (ProjectId, Uuid);

/// How much lies in a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows to be handed over, now or later, claimed ones included.
    pub waiting: i64,
    /// Rows that were given up and wait for a person.
    pub parked: i64,
}

/// Stores messages, to be handed over once `txn` is committed. Tells how many were not there yet.
pub async fn enqueue(txn: &DatabaseTransaction, now: Timestamp, messages: &[Message]) -> Result<u64, Error> {
    if messages.is_empty() {
        return Ok(0);
    }
    let mut sorted: Vec<_> = messages.iter().collect();
    sorted.sort_unstable_by_key(|message| (message.project, message.id));
    let rows = Rows::new(sorted.len())
        .uuids("project_id", sorted.iter().map(|message| message.project))
        .uuids("id", sorted.iter().map(|message| message.id))
        .texts("topic", sorted.iter().map(|message| &message.topic))
        .texts("key", sorted.iter().map(|message| &message.key))
        .json("payload", sorted.iter().map(|message| &message.payload))
        .opt_texts(
            "traceparent",
            sorted.iter().map(|message| message.traceparent.as_deref()),
        )
        .times("available_at", sorted.iter().map(|message| message.available_at));
    Sql::new(
        "insert into outbox (project_id, id, topic, key, payload, traceparent, created_at, available_at)
         select r.project_id, r.id, r.topic, r.key, r.payload, r.traceparent, {now}, r.available_at
         from {rows} as r where true
         on conflict (project_id, id) do nothing",
    )
    .bind("now", now.micros())
    .rows("rows", rows)
    .execute(txn)
    .await
}

/// Claims at most `limit` due messages of a topic for `lease`, oldest first.
pub async fn claim(
    txn: &DatabaseTransaction,
    topic: &str,
    now: Timestamp,
    claim: ClaimId,
    lease: Duration,
    limit: u32,
) -> Result<Vec<Row>, Error> {
    // On SQLite the transaction is the lock. Elsewhere two relays pass by each other's rows; should an engine
    // not keep that promise, the claim on the row still tells whose it is.
    let text = match txn.get_database_backend() {
        DbBackend::Postgres => CLAIM_SKIPPING_LOCKED,
        _ => CLAIM,
    };
    let claimed = Sql::new(text)
        .bind("topic", topic)
        .bind("now", now.micros())
        .bind("claim", claim)
        .bind("lease", lease::micros(lease))
        .bind("limit", i64::from(limit))
        .all(txn)
        .await?;
    let mut rows = claimed.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    rows.sort_unstable_by_key(|row| (row.message.available_at, row.message.id));
    Ok(rows)
}

macro_rules! claim_text {
    ($lock:literal) => {
        concat!(
            "with due as materialized (
                select project_id as due_project, id as due_id from outbox
                where topic = {topic} and available_at <= {now} and parked_reason is null
                  and (lease_until is null or lease_until <= {db_now})
                order by available_at, id limit {limit} ",
            $lock,
            ")
             update outbox set claimed_by = {claim}, lease_until = {db_now} + {lease}, attempts = attempts + 1
             from due where project_id = due_project and id = due_id
             returning project_id, id, topic, key, payload, traceparent, created_at, available_at, attempts"
        )
    };
}

const CLAIM: &str = claim_text!("");
const CLAIM_SKIPPING_LOCKED: &str = claim_text!("for update skip locked");

fn read(row: &QueryResult) -> Result<Row, Error> {
    Ok(Row {
        message: Message {
            project: row.get("project_id")?,
            id: row.get("id")?,
            topic: row.get("topic")?,
            key: row.get("key")?,
            payload: row.get("payload")?,
            traceparent: row.get("traceparent")?,
            available_at: row.time("available_at")?,
        },
        created_at: row.time("created_at")?,
        attempts: row.get("attempts")?,
    })
}

/// Deletes what was handed over. Tells how many rows were still held by this claim: fewer than `ids` means
/// that the lease ran out and another relay has them, or had.
pub async fn ack(txn: &DatabaseTransaction, claim: ClaimId, ids: &[RowId]) -> Result<u64, Error> {
    Sql::new(
        "delete from outbox where claimed_by = {claim}
         and (project_id, id) in (select r.project_id, r.id from {rows} as r)",
    )
    .bind("claim", claim)
    .rows("rows", rows_of(ids))
    .execute(txn)
    .await
}

/// Gives messages back, to be claimed again from `available_at` on.
pub async fn retry(
    txn: &DatabaseTransaction,
    claim: ClaimId,
    ids: &[RowId],
    available_at: Timestamp,
) -> Result<u64, Error> {
    Sql::new(
        "update outbox set claimed_by = null, lease_until = null, available_at = {available_at}
         where claimed_by = {claim} and (project_id, id) in (select r.project_id, r.id from {rows} as r)",
    )
    .bind("available_at", available_at.micros())
    .bind("claim", claim)
    .rows("rows", rows_of(ids))
    .execute(txn)
    .await
}

/// Gives a message up, with the reason for whoever looks at it. It is not claimed again.
pub async fn park(txn: &DatabaseTransaction, claim: ClaimId, (project, id): RowId, reason: &str) -> Result<u64, Error> {
    Sql::new(
        "update outbox set claimed_by = null, lease_until = null, parked_reason = {reason}
         where claimed_by = {claim} and project_id = {project} and id = {id}",
    )
    .bind("reason", reason)
    .bind("claim", claim)
    .bind("project", project)
    .bind("id", id)
    .execute(txn)
    .await
}

/// The instant from which the oldest message of a topic waits, if one is due. How far a relay is behind.
pub async fn oldest_due(conn: &impl ConnectionTrait, topic: &str, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let row = Sql::new(
        "select min(available_at) as oldest from outbox
         where topic = {topic} and available_at <= {now} and parked_reason is null",
    )
    .bind("topic", topic)
    .bind("now", now.micros())
    .one(conn)
    .await?;
    row.map_or(Ok(None), |row| row.opt_time("oldest"))
}

/// How many messages of a topic wait, and how many were given up.
pub async fn counts(conn: &impl ConnectionTrait, topic: &str) -> Result<Counts, Error> {
    let row = Sql::new("select count(*) as total, count(parked_reason) as parked from outbox where topic = {topic}")
        .bind("topic", topic)
        .one(conn)
        .await?;
    row.map_or(Ok(Counts::default()), |row| {
        let parked = row.get("parked")?;
        Ok(Counts {
            waiting: row.get::<i64>("total")? - parked,
            parked,
        })
    })
}

fn rows_of(ids: &[RowId]) -> Rows {
    Rows::new(ids.len())
        .uuids("project_id", ids.iter().map(|(project, _)| *project))
        .uuids("id", ids.iter().map(|(_, id)| *id))
}
