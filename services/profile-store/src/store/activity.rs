use std::time::Duration;

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{Rows, Sql};
use sea_orm::DatabaseTransaction;

use super::{conflict, profile_rows};

/// How exact the newest write of a project is. One row that every write updated would make all of them queue;
/// whoever asks whether data still comes in thinks in hours.
const NEWEST_WRITE_GRAIN: Duration = Duration::from_mins(1);

/// Raises the last activity, and makes sure that nobody retired the profiles meanwhile: in that case the batch is
/// run again, and sees it. By now the transaction holds the rows of all profiles it writes, made or locked, so a
/// deletion that has not committed yet waits for this one.
pub(crate) async fn raise(
    txn: &DatabaseTransaction,
    project: ProjectId,
    active: &[(ProfileId, Timestamp)],
) -> Result<(), Error> {
    if active.is_empty() {
        return Ok(());
    }
    let raised = Sql::new(
        "insert into profile_activity (project_id, profile_id, last_activity_at, last_activity_day)
         select {project}, r.profile_id, r.at, r.day from {rows} as r
         where (select t.until from retired_profiles as t
           where t.project_id = {project} and t.profile_id = r.profile_id) is null
         on conflict (project_id, profile_id) do update set
           last_activity_at = case when excluded.last_activity_at > profile_activity.last_activity_at
             then excluded.last_activity_at else profile_activity.last_activity_at end,
           last_activity_day = case when excluded.last_activity_day > profile_activity.last_activity_day
             then excluded.last_activity_day else profile_activity.last_activity_day end",
    )
    .bind("project", project)
    .rows(
        "rows",
        Rows::new(active.len())
            .uuids("profile_id", active.iter().map(|(profile, _)| *profile))
            .times("at", active.iter().map(|(_, at)| *at))
            .ints("day", active.iter().map(|(_, at)| at.day())),
    )
    .execute(txn)
    .await?;
    if raised < active.len() as u64 {
        return Err(conflict());
    }
    Ok(())
}

/// Notes that the project accepted a write.
pub(crate) async fn note_write(txn: &DatabaseTransaction, project: ProjectId, at: Timestamp) -> Result<(), Error> {
    Sql::new(
        "insert into project_activity (project_id, newest_accepted_at)
         select {project}, {at} where not exists (select 1 from project_activity
           where project_id = {project} and newest_accepted_at > {recent})
         on conflict (project_id) do update set newest_accepted_at = excluded.newest_accepted_at
         where project_activity.newest_accepted_at < excluded.newest_accepted_at",
    )
    .bind("project", project)
    .bind("at", at.micros())
    .bind("recent", (at - NEWEST_WRITE_GRAIN).micros())
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
        "delete from profile_activity
         where project_id = {project} and profile_id in (select r.profile_id from {rows} as r)",
    )
    .bind("project", project)
    .rows("rows", profile_rows(profiles))
    .execute(txn)
    .await
}
