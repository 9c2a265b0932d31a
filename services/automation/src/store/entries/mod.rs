//! Entries.

mod row;

use std::collections::HashMap;

use chappe_ids::{AutomationId, EntryId, ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::lanes::{Held, of_lanes};
use crate::domain::{
    entry::{End, Entry},
    instance::Past,
};
use row::{end_reason, full_rows, progress_rows, read};

/// Profiles of several projects.
pub(crate) type ProfileKey = (ProjectId, ProfileId);

macro_rules! select_entries {
    ($rest:literal) => {
        concat!(
            "select e.project_id, e.entry_id, e.automation_id, e.version, e.profile_id, e.lane, e.end_reason,
                    e.ended_at, e.step, e.phase, e.due_at, e.event, e.entered_at, e.attempted, e.sent, e.revision
             from entries e ",
            $rest
        )
    };
}

/// Live entries of some profiles.
pub(crate) async fn live_of(conn: &impl ConnectionTrait, profiles: &[ProfileKey]) -> Result<Vec<Entry>, Error> {
    let rows = Sql::new(select_entries!(
        "where e.end_reason is null
         and (e.project_id, e.profile_id) in (select r.project_id, r.profile_id from {rows} as r)
         order by e.project_id, e.entered_at, e.entry_id"
    ))
    .rows("rows", of_profiles(profiles))
    .all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// Everything a profile ever entered, of what is kept; oldest first.
pub(crate) async fn all_of(conn: &impl ConnectionTrait, profiles: &[ProfileKey]) -> Result<Vec<Entry>, Error> {
    let rows = Sql::new(select_entries!(
        "where (e.project_id, e.profile_id) in (select r.project_id, r.profile_id from {rows} as r)
         order by e.project_id, e.entered_at, e.entry_id"
    ))
    .rows("rows", of_profiles(profiles))
    .all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// What some profiles have behind them: entries that have ended and sent something.
pub(crate) async fn past_of(
    conn: &impl ConnectionTrait,
    profiles: &[ProfileKey],
) -> Result<HashMap<ProfileKey, HashMap<AutomationId, Past>>, Error> {
    let rows = Sql::new(
        "select project_id, profile_id, automation_id, count(*) as entries, max(ended_at) as last_exit
         from entries where end_reason is not null and sent > 0
         and (project_id, profile_id) in (select r.project_id, r.profile_id from {rows} as r)
         group by project_id, profile_id, automation_id",
    )
    .rows("rows", of_profiles(profiles))
    .all(conn)
    .await?;
    let mut past: HashMap<_, HashMap<_, _>> = HashMap::new();
    for row in &rows {
        let key = (row.get("project_id")?, row.get("profile_id")?);
        let behind = Past {
            entries: row.get("entries")?,
            last_exit: row.opt_time("last_exit")?,
        };
        past.entry(key).or_default().insert(row.get("automation_id")?, behind);
    }
    Ok(past)
}

/// Entries of held lanes that are due, of running automations; oldest first.
pub(crate) async fn due(
    conn: &impl ConnectionTrait,
    lanes: &Held,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Entry>, Error> {
    let rows = Sql::new(select_entries!(
        "join automations a on a.project_id = e.project_id and a.automation_id = e.automation_id
         where e.end_reason is null and e.due_at <= {now} and a.state = 'RUNNING'
         and e.lane in (select r.lane from {rows} as r)
         order by e.due_at, e.entry_id limit {limit}"
    ))
    .bind("now", now.micros())
    .bind("limit", i64::from(limit))
    .rows("rows", of_lanes(lanes.keys().copied()))
    .all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// When the next entry of held lanes is due, after `now`.
pub(crate) async fn next_due(
    conn: &impl ConnectionTrait,
    lanes: &Held,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let row = Sql::new(
        "select min((
           select min(e.due_at) from entries e
           where e.project_id = a.project_id and e.automation_id = a.automation_id and e.end_reason is null
             and e.due_at > {now} and e.lane in (select r.lane from {rows} as r))) as next
         from automations a where a.state = 'RUNNING'",
    )
    .bind("now", now.micros())
    .rows("rows", of_lanes(lanes.keys().copied()))
    .one(conn)
    .await?;
    row.map_or(Ok(None), |row| row.opt_time("next"))
}

/// Live entries of one automation.
pub(crate) async fn live_in(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    automation: AutomationId,
) -> Result<Vec<EntryId>, Error> {
    let rows = Sql::new(
        "select entry_id from entries
         where project_id = {project} and automation_id = {automation} and end_reason is null",
    )
    .bind("project", project)
    .bind("automation", automation)
    .all(conn)
    .await?;
    rows.iter().map(|row| row.get("entry_id")).collect()
}

/// Ends all live entries of an automation that goes.
pub(crate) async fn end_all(
    txn: &DatabaseTransaction,
    project: ProjectId,
    automation: AutomationId,
    now: Timestamp,
) -> Result<u64, Error> {
    Sql::new(
        "update entries set end_reason = {why}, ended_at = {now}, step = null, phase = null, due_at = null,
           revision = revision + 1
         where project_id = {project} and automation_id = {automation} and end_reason is null",
    )
    .bind("why", End::Deleted.as_str())
    .bind("now", now.micros())
    .bind("project", project)
    .bind("automation", automation)
    .execute(txn)
    .await
}

/// Writes entries as they are now, new or not. The caller holds their lanes.
pub(crate) async fn put(txn: &DatabaseTransaction, entries: &[&Entry]) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut entries = entries.to_vec();
    entries.sort_unstable_by_key(|entry| (entry.project, entry.id));
    Sql::new(
        "insert into entries (project_id, entry_id, automation_id, version, profile_id, lane, end_reason, ended_at,
           step, phase, due_at, event, entered_at, attempted, sent, revision)
         select r.project_id, r.entry_id, r.automation_id, r.version, r.profile_id, r.lane, r.end_reason, r.ended_at,
           r.step, r.phase, r.due_at, r.event, r.entered_at, r.attempted, r.sent, r.revision + 1
         from {rows} as r where true
         on conflict (project_id, entry_id) do update set
           version = excluded.version, end_reason = excluded.end_reason, ended_at = excluded.ended_at,
           step = excluded.step, phase = excluded.phase, due_at = excluded.due_at, event = excluded.event,
           entered_at = excluded.entered_at, attempted = excluded.attempted, sent = excluded.sent,
           revision = excluded.revision",
    )
    .rows("rows", full_rows(&entries)?)
    .execute(txn)
    .await
    .map(drop)
}

/// Writes how far entries came, of those that nobody else changed since they were read. Tells which.
pub(crate) async fn progress(txn: &DatabaseTransaction, entries: &[Entry]) -> Result<Vec<EntryId>, Error> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_unstable_by_key(|entry| (entry.project, entry.id));
    let rows = Sql::new(
        "update entries set end_reason = r.end_reason, ended_at = r.ended_at, step = r.step, phase = r.phase,
           due_at = r.due_at, attempted = r.attempted, sent = r.sent, revision = r.revision + 1
         from {rows} as r
         where entries.project_id = r.project_id and entries.entry_id = r.entry_id
           and entries.revision = r.revision
         returning entries.entry_id",
    )
    .rows("rows", progress_rows(&entries))
    .all(txn)
    .await?;
    rows.iter().map(|row| row.get("entry_id")).collect()
}

/// Gives back messages that were not sent after all: they do not count any more.
pub(crate) async fn give_back(txn: &DatabaseTransaction, entries: &[(ProjectId, EntryId, i64)]) -> Result<(), Error> {
    let rows = Rows::new(entries.len())
        .uuids("project_id", entries.iter().map(|entry| entry.0))
        .uuids("entry_id", entries.iter().map(|entry| entry.1))
        .ints("messages", entries.iter().map(|entry| entry.2));
    Sql::new(
        "update entries set sent = case when sent > r.messages then sent - r.messages else 0 end,
           revision = revision + 1
         from {rows} as r where entries.project_id = r.project_id and entries.entry_id = r.entry_id",
    )
    .rows("rows", rows)
    .execute(txn)
    .await
    .map(drop)
}

/// Counts entries of one project by automation and by how they ended; `None` is live.
pub(crate) async fn counts(
    conn: &impl ConnectionTrait,
    project: ProjectId,
) -> Result<Vec<(AutomationId, Option<End>, i64)>, Error> {
    let rows = Sql::new(
        "select automation_id, end_reason, count(*) as n from entries
         where project_id = {project} group by automation_id, end_reason",
    )
    .bind("project", project)
    .all(conn)
    .await?;
    rows.iter()
        .map(|row| Ok((row.get("automation_id")?, end_reason(row)?, row.get("n")?)))
        .collect()
}

/// Forgets entries that ended long ago.
pub(crate) async fn purge(txn: &DatabaseTransaction, ended_before: Timestamp, limit: u32) -> Result<u64, Error> {
    Sql::new(
        "delete from entries where (project_id, entry_id) in (
           select project_id, entry_id from entries where end_reason is not null and ended_at <= {then}
           order by ended_at limit {limit})",
    )
    .bind("then", ended_before.micros())
    .bind("limit", i64::from(limit))
    .execute(txn)
    .await
}

pub(in crate::store) fn of_profiles(profiles: &[ProfileKey]) -> Rows {
    Rows::new(profiles.len())
        .uuids("project_id", profiles.iter().map(|key| key.0))
        .uuids("profile_id", profiles.iter().map(|key| key.1))
}
