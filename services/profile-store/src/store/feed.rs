use chappe_ids::{EventId, ProfileId, ProjectId, lane_of};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, QueryResult};

use super::{StoredAttributes, json, profile_rows};
use crate::domain::{edit::Event, fold::FeedEvent};

/// An event that waits to be pulled.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) project: ProjectId,
    pub(crate) profile: ProfileId,
    pub(crate) custom_id: Option<String>,
    pub(crate) lane: i64,
    pub(crate) version: i64,
    pub(crate) index: i64,
    pub(crate) event: Event,
    pub(crate) accepted_at: Timestamp,
    pub(crate) traceparent: Option<String>,
}

/// Adds events. Only an event that still waits after it was purged has its row already; that one stays.
pub(crate) async fn insert(
    txn: &DatabaseTransaction,
    project: ProjectId,
    events: &[FeedEvent<'_>],
    accepted_at: Timestamp,
    traceparent: Option<&str>,
) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let mut sorted: Vec<_> = events.iter().collect();
    sorted.sort_unstable_by_key(|row| row.event.id);
    let attributes: Result<Vec<_>, _> = sorted.iter().map(|row| json(&row.event.attributes)).collect();
    Sql::new(
        "insert into feed (project_id, event_id, lane, profile_id, custom_id, version, idx, name, time, attributes,
           accepted_at, traceparent)
         select {project}, r.event_id, r.lane, r.profile_id, r.custom_id, r.version, r.idx, r.name, r.time,
           r.attributes, {accepted_at}, {traceparent}
         from {rows} as r where true
         on conflict (project_id, event_id) do nothing",
    )
    .bind("project", project)
    .bind("accepted_at", accepted_at.micros())
    .bind("traceparent", traceparent)
    .rows(
        "rows",
        Rows::new(sorted.len())
            .uuids("event_id", sorted.iter().map(|row| row.event.id))
            .ints("lane", sorted.iter().map(|row| lane_of(row.profile)))
            .uuids("profile_id", sorted.iter().map(|row| row.profile))
            .opt_texts("custom_id", sorted.iter().map(|row| row.custom_id.as_deref()))
            .ints("version", sorted.iter().map(|row| row.version))
            .ints("idx", sorted.iter().map(|row| row.index))
            .texts("name", sorted.iter().map(|row| row.event.name.as_str()))
            .times("time", sorted.iter().map(|row| row.event.time))
            .json("attributes", attributes?),
    )
    .execute(txn)
    .await?;
    Ok(())
}

/// The first rows of the lanes, of each profile in the order of its versions. What does not fit is left of the
/// lanes that come last.
pub(crate) async fn pull(conn: &impl ConnectionTrait, lanes: &[i64], limit: usize) -> Result<Vec<Row>, Error> {
    let text = match conn.get_database_backend() {
        // One descent into the index for each lane: read as one range, the lanes would have to be sorted whole.
        DbBackend::Postgres => {
            "select f.* from {lanes} as l cross join lateral (
               select * from feed where lane = l.lane order by profile_id, version, idx limit {limit}) as f
             limit {limit}"
        }
        _ => {
            "select * from feed where lane in (select l.lane from {lanes} as l)
             order by lane, profile_id, version, idx limit {limit}"
        }
    };
    let rows = Sql::new(text)
        .bind("limit", i64::try_from(limit).unwrap_or(i64::MAX))
        .rows("lanes", Rows::new(lanes.len()).ints("lane", lanes.iter().copied()))
        .all(conn)
        .await?;
    rows.iter().map(read).collect()
}

/// The rows of these profiles, as far as they are in the lanes.
pub(crate) async fn pull_of(
    conn: &impl ConnectionTrait,
    lanes: &[i64],
    profiles: &[ProfileId],
    limit: usize,
) -> Result<Vec<Row>, Error> {
    let theirs: Vec<_> = profiles
        .iter()
        .filter(|profile| lanes.contains(&lane_of(**profile).into()))
        .collect();
    let rows = Sql::new(
        "select * from feed where (lane, profile_id) in (select r.lane, r.profile_id from {rows} as r)
         order by profile_id, version, idx limit {limit}",
    )
    .bind("limit", i64::try_from(limit).unwrap_or(i64::MAX))
    .rows(
        "rows",
        Rows::new(theirs.len())
            .ints("lane", theirs.iter().map(|profile| lane_of(**profile)))
            .uuids("profile_id", theirs.iter().map(|profile| **profile)),
    )
    .all(conn)
    .await?;
    rows.iter().map(read).collect()
}

fn read(row: &QueryResult) -> Result<Row, Error> {
    Ok(Row {
        project: row.get("project_id")?,
        profile: row.get("profile_id")?,
        custom_id: row.get("custom_id")?,
        lane: row.get("lane")?,
        version: row.get("version")?,
        index: row.get("idx")?,
        event: Event {
            id: row.get("event_id")?,
            name: row.get("name")?,
            time: row.time("time")?,
            attributes: row.get::<StoredAttributes>("attributes")?.0,
        },
        accepted_at: row.time("accepted_at")?,
        traceparent: row.get("traceparent")?,
    })
}

/// Removes rows by project and event.
pub(crate) async fn ack(txn: &DatabaseTransaction, rows: &[(ProjectId, EventId)]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    Sql::new("delete from feed where (project_id, event_id) in (select r.project_id, r.event_id from {rows} as r)")
        .rows(
            "rows",
            Rows::new(rows.len())
                .uuids("project_id", rows.iter().map(|(project, _)| *project))
                .uuids("event_id", rows.iter().map(|(_, event)| *event)),
        )
        .execute(txn)
        .await?;
    Ok(())
}

/// Deletes the rows of profiles. Tells how many.
pub(crate) async fn delete(
    txn: &DatabaseTransaction,
    project: ProjectId,
    profiles: &[ProfileId],
) -> Result<u64, Error> {
    Sql::new(
        "delete from feed where project_id = {project}
           and (lane, profile_id) in (select r.lane, r.profile_id from {rows} as r)",
    )
    .bind("project", project)
    .rows(
        "rows",
        profile_rows(profiles).ints("lane", profiles.iter().map(|profile| lane_of(*profile))),
    )
    .execute(txn)
    .await
}
