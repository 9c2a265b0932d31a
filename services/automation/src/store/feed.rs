//! Events that were processed, and feed rows that could not be.

use std::{collections::HashSet, time::Duration};

use chappe_ids::{EventId, ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::NO_PROJECT;

/// How long an event is remembered after its last acknowledgement was tried.
pub(crate) const REMEMBERED: Duration = Duration::from_hours(24);

/// An event to remember.
pub(crate) type Processed = (ProjectId, EventId, ProfileId);

/// A feed row that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    /// Zero where the row names none.
    pub(crate) project: ProjectId,
    pub(crate) row_id: String,
    pub(crate) profile_id: String,
    pub(crate) event_id: String,
    pub(crate) event_name: String,
    pub(crate) reason: String,
}

impl Parked {
    /// The project of a row that names none that can be read.
    pub(crate) const NO_PROJECT: ProjectId = NO_PROJECT;
}

/// Remembers events and tells which are new. The others are remembered for longer, since their
/// acknowledgement has not arrived.
pub(crate) async fn process(
    txn: &DatabaseTransaction,
    now: Timestamp,
    events: &[Processed],
) -> Result<HashSet<(ProjectId, EventId)>, Error> {
    let mut events = events.to_vec();
    events.sort_unstable();
    events.dedup_by_key(|event| (event.0, event.1));
    let rows = || {
        Rows::new(events.len())
            .uuids("project_id", events.iter().map(|event| event.0))
            .uuids("event_id", events.iter().map(|event| event.1))
    };
    let inserted = Sql::new(
        "insert into processed_events (project_id, event_id, profile_id, processed_at)
         select r.project_id, r.event_id, r.profile_id, {now} from {rows} as r where true
         on conflict (project_id, event_id) do nothing returning project_id, event_id",
    )
    .bind("now", now.micros())
    .rows("rows", rows().uuids("profile_id", events.iter().map(|event| event.2)))
    .all(txn)
    .await?;
    if inserted.len() < events.len() {
        Sql::new(
            "update processed_events set processed_at = {now}
             where (project_id, event_id) in (select r.project_id, r.event_id from {rows} as r)",
        )
        .bind("now", now.micros())
        .rows("rows", rows())
        .execute(txn)
        .await?;
    }
    inserted
        .iter()
        .map(|row| Ok((row.get("project_id")?, row.get("event_id")?)))
        .collect()
}

/// Forgets events whose time is over.
pub(crate) async fn purge(txn: &DatabaseTransaction, now: Timestamp, limit: u32) -> Result<u64, Error> {
    Sql::new(
        "delete from processed_events where (project_id, event_id) in (
           select project_id, event_id from processed_events where processed_at <= {then}
           order by processed_at limit {limit})",
    )
    .bind("then", (now - REMEMBERED).micros())
    .bind("limit", i64::from(limit))
    .execute(txn)
    .await
}

/// Gives rows up. Giving one up again changes nothing.
pub(crate) async fn park(txn: &DatabaseTransaction, now: Timestamp, parked: &[Parked]) -> Result<(), Error> {
    let rows = Rows::new(parked.len())
        .uuids("project_id", parked.iter().map(|row| row.project))
        .texts("row_id", parked.iter().map(|row| &row.row_id))
        .texts("profile_id", parked.iter().map(|row| &row.profile_id))
        .texts("event_id", parked.iter().map(|row| &row.event_id))
        .texts("event_name", parked.iter().map(|row| &row.event_name))
        .texts("reason", parked.iter().map(|row| &row.reason));
    Sql::new(
        "insert into parked_rows (project_id, row_id, profile_id, event_id, event_name, reason, parked_at)
         select r.project_id, r.row_id, r.profile_id, r.event_id, r.event_name, r.reason, {now}
         from {rows} as r where true on conflict (project_id, row_id) do nothing",
    )
    .bind("now", now.micros())
    .rows("rows", rows)
    .execute(txn)
    .await
    .map(drop)
}

/// Feed rows and messages of a project that wait for a person to look at them.
pub(crate) async fn parked(conn: &impl ConnectionTrait, project: ProjectId) -> Result<i64, Error> {
    let row = Sql::new(
        "select (select count(*) from parked_rows where project_id = {project})
              + (select count(*) from outbox where project_id = {project} and parked_reason is not null) as parked",
    )
    .bind("project", project)
    .one(conn)
    .await?;
    row.map_or(Ok(0), |row| row.get("parked"))
}
