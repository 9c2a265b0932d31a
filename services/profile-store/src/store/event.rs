use std::collections::{HashMap, HashSet};

use chappe_ids::{EventId, ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_query::{EventCount, Moment};
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::{StoredAttributes, json, profile_rows, unsigned};
use crate::domain::edit::{Event, Origin};

/// Stores events, sorted by id, and tells which of them were not there before.
pub(crate) async fn insert(
    txn: &DatabaseTransaction,
    project: ProjectId,
    events: &[(ProfileId, &Event)],
    origin: Origin,
    received_at: Timestamp,
) -> Result<HashSet<EventId>, Error> {
    if events.is_empty() {
        return Ok(HashSet::new());
    }
    let attributes: Result<Vec<_>, _> = events.iter().map(|(_, event)| json(&event.attributes)).collect();
    let rows = Sql::new(
        "insert into events
           (project_id, event_id, profile_id, name, time, attributes, native, received_at, received_day)
         select {project}, r.event_id, r.profile_id, r.name, r.time, r.attributes, {native}, {received_at},
           {received_day}
         from {rows} as r where true
         on conflict (project_id, event_id) do nothing returning event_id",
    )
    .bind("project", project)
    .bind("native", origin == Origin::Native)
    .bind("received_at", received_at.micros())
    .bind("received_day", i64::from(received_at.day()))
    .rows(
        "rows",
        Rows::new(events.len())
            .uuids("event_id", events.iter().map(|(_, event)| event.id))
            .uuids("profile_id", events.iter().map(|(profile, _)| *profile))
            .texts("name", events.iter().map(|(_, event)| event.name.as_str()))
            .times("time", events.iter().map(|(_, event)| event.time))
            .json("attributes", attributes?),
    )
    .all(txn)
    .await?;
    rows.iter().map(|row| row.get("event_id")).collect()
}

/// Whether an event of that id was ever stored, as far back as events are kept.
pub(crate) async fn exists(conn: &impl ConnectionTrait, project: ProjectId, id: EventId) -> Result<bool, Error> {
    let row = Sql::new("select 1 as one from events where project_id = {project} and event_id = {id}")
        .bind("project", project)
        .bind("id", id)
        .one(conn)
        .await?;
    Ok(row.is_some())
}

/// How many events each profile has of those that a query counts. The filter sees each profile in its own zone.
pub(crate) async fn count_of(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    profiles: &HashMap<ProfileId, Moment>,
    wanted: &EventCount,
    now: Timestamp,
) -> Result<HashMap<ProfileId, u64>, Error> {
    let sql = match wanted.filter {
        None => Sql::new(
            "select profile_id, count(*) as n from events
             where project_id = {project} and profile_id in (select r.profile_id from {rows} as r)
               and name = {name} and time > {after}
             group by profile_id",
        ),
        Some(_) => Sql::new(
            "select profile_id, attributes from events
             where project_id = {project} and profile_id in (select r.profile_id from {rows} as r)
               and name = {name} and time > {after}",
        ),
    };
    let ids: Vec<_> = profiles.keys().copied().collect();
    let rows = sql
        .bind("project", project)
        .bind("name", wanted.name.as_str())
        .bind("after", wanted.after(now.micros()))
        .rows("rows", profile_rows(&ids))
        .all(conn)
        .await?;
    let mut counts = HashMap::new();
    for row in &rows {
        let profile: ProfileId = row.get("profile_id")?;
        let more = match &wanted.filter {
            None => unsigned(row.get("n")?),
            Some(filter) => {
                let attributes = row.get::<StoredAttributes>("attributes")?.0;
                let moment = profiles.get(&profile);
                u64::from(moment.is_some_and(|moment| filter.matches(&attributes, *moment)))
            }
        };
        *counts.entry(profile).or_default() += more;
    }
    Ok(counts)
}

/// One page of the events of some profiles, by id, with the profile of each and when it was received.
pub(crate) async fn page(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    profiles: &[ProfileId],
    after: EventId,
    limit: u32,
) -> Result<Vec<(ProfileId, Event, Timestamp)>, Error> {
    let rows = Sql::new(
        "select event_id, profile_id, name, time, attributes, received_at from events
         where project_id = {project} and profile_id in (select r.profile_id from {rows} as r)
           and event_id > {after}
         order by event_id limit {limit}",
    )
    .bind("project", project)
    .bind("after", after)
    .bind("limit", i64::from(limit))
    .rows("rows", profile_rows(profiles))
    .all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let event = Event {
                id: row.get("event_id")?,
                name: row.get("name")?,
                time: row.time("time")?,
                attributes: row.get::<StoredAttributes>("attributes")?.0,
            };
            Ok((row.get("profile_id")?, event, row.time("received_at")?))
        })
        .collect()
}

/// Deletes at most `limit` events of some profiles. Tells how many.
pub(crate) async fn delete_some(
    txn: &DatabaseTransaction,
    project: ProjectId,
    profiles: &[ProfileId],
    limit: u32,
) -> Result<u64, Error> {
    Sql::new(
        "delete from events where project_id = {project} and event_id in (
           select event_id from events
           where project_id = {project} and profile_id in (select r.profile_id from {rows} as r)
           limit {limit})",
    )
    .bind("project", project)
    .bind("limit", i64::from(limit))
    .rows("rows", profile_rows(profiles))
    .execute(txn)
    .await
}

/// Deletes all events of some profiles.
pub(crate) async fn delete(txn: &DatabaseTransaction, project: ProjectId, profiles: &[ProfileId]) -> Result<(), Error> {
    Sql::new(
        "delete from events
         where project_id = {project} and profile_id in (select r.profile_id from {rows} as r)",
    )
    .bind("project", project)
    .rows("rows", profile_rows(profiles))
    .execute(txn)
    .await?;
    Ok(())
}

/// Deletes at most `limit` events of a project that were received before a day. Tells how many.
pub(crate) async fn purge(
    txn: &DatabaseTransaction,
    project: ProjectId,
    before_day: i64,
    limit: u32,
) -> Result<u64, Error> {
    Sql::new(
        "delete from events where project_id = {project} and event_id in (
           select event_id from events where project_id = {project} and received_day < {before_day}
           limit {limit})",
    )
    .bind("project", project)
    .bind("before_day", before_day)
    .bind("limit", i64::from(limit))
    .execute(txn)
    .await
}

/// Counts the events of a project that clients sent.
pub(crate) async fn count(conn: &impl ConnectionTrait, project: ProjectId) -> Result<i64, Error> {
    let row = Sql::new("select count(*) as n from events where project_id = {project} and not native")
        .bind("project", project)
        .one(conn)
        .await?;
    row.map_or(Ok(0), |row| row.get("n"))
}
