//! Who is inactive. The day narrows the scan, the instant decides.

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};

use super::profile_rows;

/// What a run is planned by.
pub(crate) struct Plan {
    pub(crate) population: i64,
    pub(crate) candidates: i64,
    pub(crate) newest_accepted_at: Option<Timestamp>,
    pub(crate) database_time: Timestamp,
}

macro_rules! plan {
    ($clock:literal) => {
        concat!(
            "select
               (select count(*) from profile_activity where project_id = {project}) as population,
               (select count(*) from profile_activity where project_id = {project}
                  and last_activity_day <= {day} and last_activity_at < {cutoff}) as candidates,
               (select newest_accepted_at from project_activity where project_id = {project}) as newest_accepted_at,
               cast(",
            $clock,
            " * 1000000 as bigint) as database_time"
        )
    };
}

/// Counts the project and its inactive profiles, by the database's clock.
pub(crate) async fn plan(conn: &impl ConnectionTrait, project: ProjectId, cutoff: Timestamp) -> Result<Plan, Error> {
    let text = match conn.get_database_backend() {
        DbBackend::Postgres => plan!("extract(epoch from clock_timestamp())"),
        _ => plan!("unixepoch('subsec')"),
    };
    let row = Sql::new(text)
        .bind("project", project)
        .bind("day", i64::from(cutoff.day()))
        .bind("cutoff", cutoff.micros())
        .one(conn)
        .await?
        .ok_or_else(|| Error::internal("a count gives one row"))?;
    Ok(Plan {
        population: row.get("population")?,
        candidates: row.get("candidates")?,
        newest_accepted_at: row.opt_time("newest_accepted_at")?,
        database_time: row.time("database_time")?,
    })
}

macro_rules! candidates {
    ($lock:literal) => {
        concat!(
            "select p.profile_id from profiles as p
             join profile_activity as a on a.project_id = p.project_id and a.profile_id = p.profile_id
             where a.project_id = {project} and a.last_activity_day <= {day} and a.last_activity_at < {cutoff}
               and a.profile_id > {after} and p.project_id = {project} and p.profile_id > {after}
             order by p.profile_id limit {limit} ",
            $lock
        )
    };
}

/// Locks the next inactive profiles, by id.
pub(crate) async fn lock(
    txn: &DatabaseTransaction,
    project: ProjectId,
    cutoff: Timestamp,
    after: ProfileId,
    limit: usize,
) -> Result<Vec<ProfileId>, Error> {
    // On SQLite the transaction is the lock.
    let text = match txn.get_database_backend() {
        DbBackend::Postgres => candidates!("for update of p"),
        _ => candidates!(""),
    };
    let rows = Sql::new(text)
        .bind("project", project)
        .bind("day", i64::from(cutoff.day()))
        .bind("cutoff", cutoff.micros())
        .bind("after", after)
        .bind("limit", i64::try_from(limit).unwrap_or(i64::MAX))
        .all(txn)
        .await?;
    rows.iter().map(|row| row.get("profile_id")).collect()
}

/// Which of the locked profiles are still inactive. Asked by a statement of its own: while the lock was waited for,
/// somebody may have come back, and the statement that waited does not see it.
pub(crate) async fn still(
    txn: &DatabaseTransaction,
    project: ProjectId,
    cutoff: Timestamp,
    locked: &[ProfileId],
) -> Result<Vec<ProfileId>, Error> {
    let rows = Sql::new(
        "select profile_id from profile_activity
         where project_id = {project} and last_activity_at < {cutoff}
           and profile_id in (select r.profile_id from {rows} as r)
         order by profile_id",
    )
    .bind("project", project)
    .bind("cutoff", cutoff.micros())
    .rows("rows", profile_rows(locked))
    .all(txn)
    .await?;
    rows.iter().map(|row| row.get("profile_id")).collect()
}
