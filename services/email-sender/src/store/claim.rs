//! Claims: who works on a message, and until when.

use std::time::Duration;

use chappe_ids::ClaimId;
use chappe_kit::{Error, Timestamp, trace::Span};
use chappe_query::Attributes;
use chappe_store::{RowExt as _, Sql, lease};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, QueryResult};
use serde_json::Value as Json;

use super::refs;
use crate::domain::message::{Claimed, Class, MessageRef, Version};

/// How long a claim holds without being renewed, by the time of the database.
pub(crate) const LEASE: Duration = Duration::from_secs(10);

/// Claims at most `limit` due messages of all projects, oldest first.
pub(crate) async fn take(
    txn: &DatabaseTransaction,
    claim: ClaimId,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<Claimed>, Error> {
    // On SQLite the transaction is the lock. Elsewhere two claims pass by each other's rows; should an engine not keep
    // that promise, the state, looked at again in the update, tells whose a row is.
    let text = match txn.get_database_backend() {
        DbBackend::Postgres => TAKE_SKIPPING_LOCKED,
        _ => TAKE,
    };
    let rows = Sql::new(text)
        .bind("now", now.micros())
        .bind("claim", claim)
        .bind("lease", lease::micros(LEASE))
        .bind("limit", i64::from(limit))
        .all(txn)
        .await?;
    rows.iter().map(read).collect()
}

macro_rules! take_text {
    ($lock:literal) => {
        concat!(
            "with due as materialized (
               select project_id as due_project, message_id as due_message from messages
               where state in (1, 5) and due_at <= {now} order by due_at, message_id limit {limit} ",
            $lock,
            ")
             update messages set state = 2, claimed_by = {claim}, lease_until = {db_now} + {lease}
             from due where project_id = due_project and message_id = due_message and state in (1, 5)
             returning project_id, message_id, profile_id, class, template, template_version, sender, sender_version,
               orchestration_id, event_name, event_attributes, enqueued_at, attempts, first_attempt_at,
               traceparent"
        )
    };
}

const TAKE: &str = take_text!("");
const TAKE_SKIPPING_LOCKED: &str = take_text!("for update skip locked");

fn read(row: &QueryResult) -> Result<Claimed, Error> {
    let event: Option<Json> = row.get("event_attributes")?;
    Ok(Claimed {
        project: row.get("project_id")?,
        id: row.get("message_id")?,
        profile: row.get("profile_id")?,
        template: Version {
            name: row.get("template")?,
            version: row.get("template_version")?,
        },
        sender: Version {
            name: row.get("sender")?,
            version: row.get("sender_version")?,
        },
        class: Class::from_code(row.get("class")?),
        orchestration: row.get("orchestration_id")?,
        event_name: row.get("event_name")?,
        event: event
            .map_or(Ok(Attributes::new()), serde_json::from_value)
            .map_err(Error::internal)?,
        enqueued_at: row.time("enqueued_at")?,
        attempts: row.get("attempts")?,
        first_attempt_at: row.opt_time("first_attempt_at")?,
        traceparent: row.get("traceparent")?,
        span: Span::default(),
    })
}

/// Extends the claim on what it still holds.
pub(crate) async fn renew(txn: &DatabaseTransaction, claim: ClaimId) -> Result<u64, Error> {
    Sql::new("update messages set lease_until = {db_now} + {lease} where claimed_by = {claim} and state in (2, 3)")
        .bind("lease", lease::micros(LEASE))
        .bind("claim", claim)
        .execute(txn)
        .await
}

/// Gives messages back that were only looked at, to be claimed again from `due_at` on.
pub(crate) async fn release(
    txn: &DatabaseTransaction,
    claim: ClaimId,
    messages: &[MessageRef],
    due_at: Timestamp,
) -> Result<u64, Error> {
    Sql::new(
        "update messages set state = 1, due_at = {due_at}, claimed_by = null, lease_until = null
         where claimed_by = {claim} and state = 2
           and (project_id, message_id) in (select r.r_project, r.r_message from {messages} as r)",
    )
    .bind("due_at", due_at.micros())
    .bind("claim", claim)
    .rows("messages", refs(messages.iter()))
    .execute(txn)
    .await
}
