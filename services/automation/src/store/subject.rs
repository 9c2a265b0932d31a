//! Everything about a person.

use std::collections::{BTreeSet, HashMap};

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql, retired};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::{NO_PROJECT, lanes};

/// The tables that hold something about a person, with the statements that delete and count it.
/// Outbox and parked rows keep the id as text.
const TABLES: [(&str, &str, &str); 5] = [
    (
        "entries",
        "delete from entries where project_id = {project}
         and profile_id in (select r.profile_id from {rows} as r)",
        "select count(*) as n from entries where project_id = {project}
         and profile_id in (select r.profile_id from {rows} as r)",
    ),
    (
        "open_messages",
        "delete from open_messages where project_id = {project}
         and profile_id in (select r.profile_id from {rows} as r)",
        "select count(*) as n from open_messages where project_id = {project}
         and profile_id in (select r.profile_id from {rows} as r)",
    ),
    (
        "processed_events",
        "delete from processed_events where project_id = {project}
         and profile_id in (select r.profile_id from {rows} as r)",
        "select count(*) as n from processed_events where project_id = {project}
         and profile_id in (select r.profile_id from {rows} as r)",
    ),
    (
        "outbox",
        "delete from outbox where project_id = {project} and key in (select r.text from {rows} as r)",
        "select count(*) as n from outbox where project_id = {project} and key in (select r.text from {rows} as r)",
    ),
    (
        "parked_rows",
        "delete from parked_rows where project_id in ({project}, {nowhere})
         and profile_id in (select r.text from {rows} as r)",
        "select count(*) as n from parked_rows where project_id in ({project}, {nowhere})
         and profile_id in (select r.text from {rows} as r)",
    ),
];

/// Deletes everything about some profiles and retires their ids. Tells what was there.
pub(crate) async fn erase(
    txn: &DatabaseTransaction,
    project: ProjectId,
    profiles: &[ProfileId],
    now: Timestamp,
) -> Result<HashMap<String, i64>, Error> {
    let touched: BTreeSet<u8> = profiles.iter().map(|profile| chappe_ids::lane_of(*profile)).collect();
    // A batch of the lane that looked before the ids were retired must not write after.
    lanes::lock(txn, touched.into_iter()).await?;
    let gone: Vec<_> = profiles.iter().map(|profile| (*profile, None)).collect();
    retired::retire(txn, project, &gone, now + retired::KEPT_FOR).await?;
    let mut deleted = HashMap::new();
    for (table, delete, _) in TABLES {
        let rows = statement(table, delete, project, profiles).execute(txn).await?;
        if rows > 0 {
            deleted.insert(table.to_owned(), i64::try_from(rows).unwrap_or(i64::MAX));
        }
    }
    Ok(deleted)
}

/// Counts what there is about some profiles.
pub(crate) async fn count(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    profiles: &[ProfileId],
) -> Result<HashMap<String, i64>, Error> {
    let mut remaining = HashMap::new();
    for (table, _, count) in TABLES {
        let row = statement(table, count, project, profiles).one(conn).await?;
        let rows: i64 = row.map_or(Ok(0), |row| row.get("n"))?;
        if rows > 0 {
            remaining.insert(table.to_owned(), rows);
        }
    }
    Ok(remaining)
}

fn statement(table: &str, sql: &'static str, project: ProjectId, profiles: &[ProfileId]) -> Sql {
    let rows = Rows::new(profiles.len());
    let rows = if matches!(table, "outbox" | "parked_rows") {
        rows.texts("text", profiles.iter().map(ProfileId::to_string))
    } else {
        rows.uuids("profile_id", profiles.iter().copied())
    };
    let sql = Sql::new(sql).bind("project", project).rows("rows", rows);
    if table == "parked_rows" {
        sql.bind("nowhere", NO_PROJECT)
    } else {
        sql
    }
}
