//! What became of messages, told to automation by outcomes and to profile-store by native events.

use std::collections::HashMap;

use chappe_ids::ProjectId;
use chappe_kit::{Error, Timestamp};
use chappe_query::Value;
use chappe_store::{RowExt as _, Rows, Sql, outbox};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::{attempt::Finished, refs};
use crate::domain::{
    decision::Skip,
    engagement::{Engagement, about, event_id},
    message::MessageRef,
};

/// The topic of the outbox for native events.
pub(crate) const ENGAGEMENT: &str = "engagement";
/// The topic of the outbox for opt-outs.
pub(crate) const OPT_OUT: &str = "opt-out";

/// Writes the outcome of each message and the report of its events.
pub(crate) async fn report(
    txn: &DatabaseTransaction,
    finished: &[Finished],
    events: &HashMap<MessageRef, Vec<&'static str>>,
    now: Timestamp,
) -> Result<(), Error> {
    if finished.is_empty() {
        return Ok(());
    }
    let mut sorted: Vec<_> = finished.iter().collect();
    sorted.sort_unstable_by_key(|it| it.message);
    let rows = Rows::new(sorted.len())
        .uuids("project_id", sorted.iter().map(|it| it.message.0))
        .uuids("message_id", sorted.iter().map(|it| it.message.1))
        .uuids("profile_id", sorted.iter().map(|it| it.profile))
        .ints("lane", sorted.iter().map(|it| it.lane))
        .ints("state", sorted.iter().map(|it| it.state))
        .opt_texts("reason", sorted.iter().map(|it| it.skip_reason()));
    Sql::new(
        "insert into outcomes (project_id, message_id, profile_id, lane, state, reason, created_at)
         select r.project_id, r.message_id, r.profile_id, r.lane, r.state, r.reason, {now} from {rows} as r where true
         on conflict (project_id, message_id) do nothing",
    )
    .bind("now", now.micros())
    .rows("rows", rows)
    .execute(txn)
    .await?;
    let none = Vec::new();
    let reports = sorted
        .iter()
        .filter_map(|it| native(it, events.get(&it.message).unwrap_or(&none), now).transpose());
    outbox::enqueue(txn, now, &reports.collect::<Result<Vec<_>, _>>()?)
        .await
        .map(drop)
}

/// The report of a message, if there is something to report and somebody to report it of.
fn native(finished: &Finished, events: &[&'static str], now: Timestamp) -> Result<Option<outbox::Message>, Error> {
    let (project, message) = finished.message;
    let skip = finished.skip_reason();
    if events.is_empty() || skip == Some(Skip::Gone.reason()) {
        return Ok(None);
    }
    let mut attributes = about(message, &finished.template, &finished.orchestration, &finished.step);
    if let Some(reason) = skip {
        attributes.insert("reason".to_owned(), Value::String(reason.to_owned()));
    }
    let engagement = Engagement {
        profile: finished.profile,
        message,
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        seed: String::new(),
        at: now,
        activity: false,
        attributes,
    };
    let id = event_id(project, message, "outbox", &events.join(","));
    row(project, id.as_uuid(), &engagement, finished.traceparent.clone()).map(Some)
}

/// An engagement as a row of the outbox.
pub(crate) fn row(
    project: ProjectId,
    id: uuid::Uuid,
    engagement: &Engagement,
    traceparent: Option<String>,
) -> Result<outbox::Message, Error> {
    Ok(outbox::Message {
        project,
        id,
        topic: ENGAGEMENT.to_owned(),
        key: engagement.profile.to_string(),
        payload: serde_json::to_value(engagement).map_err(Error::internal)?,
        traceparent,
        available_at: engagement.at,
    })
}

/// An outcome that waits for its puller.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) message: MessageRef,
    pub(crate) state: i64,
    pub(crate) reason: Option<String>,
}

/// Outcomes of some lanes, oldest first.
pub(crate) async fn pull(conn: &impl ConnectionTrait, lanes: &[i64], limit: i64) -> Result<Vec<Outcome>, Error> {
    let rows = Sql::new(
        "select project_id, message_id, state, reason from outcomes
         where lane in (select r.r_lane from {lanes} as r)
         order by created_at, message_id limit {limit}",
    )
    .bind("limit", limit)
    .rows("lanes", Rows::new(lanes.len()).ints("r_lane", lanes.iter().copied()))
    .all(conn)
    .await?;
    let read = |row: &sea_orm::QueryResult| {
        Ok(Outcome {
            message: (row.get("project_id")?, row.get("message_id")?),
            state: row.get("state")?,
            reason: row.get("reason")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Removes outcomes that were taken over.
pub(crate) async fn ack(txn: &DatabaseTransaction, outcomes: &[MessageRef]) -> Result<u64, Error> {
    Sql::new(
        "delete from outcomes where (project_id, message_id) in (select r.r_project, r.r_message from {rows} as r)",
    )
    .rows("rows", refs(outcomes.iter()))
    .execute(txn)
    .await
}
