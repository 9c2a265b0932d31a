//! What is left of a person.

use std::collections::HashMap;

use chappe_ids::{ProfileId, ProjectId, lane_of};
use chappe_kit::Error;
use chappe_store::{RowExt as _, Sql};
use sea_orm::ConnectionTrait;

use super::{app_user, profile_rows};

/// Counts the rows that name the profiles or the custom id, by kind. Kinds without any are left out.
pub(crate) async fn remaining(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    profiles: &[ProfileId],
    custom_id: Option<&str>,
) -> Result<HashMap<String, i64>, Error> {
    let rows = Sql::new(
        "select 'profiles' as kind, count(*) as n from profiles
           where project_id = {project} and profile_id in (select r.profile_id from {rows} as r)
         union all select 'profile_activity', count(*) from profile_activity
           where project_id = {project} and profile_id in (select r.profile_id from {rows} as r)
         union all select 'events', count(*) from events
           where project_id = {project} and profile_id in (select r.profile_id from {rows} as r)
         union all select 'feed', count(*) from feed
           where project_id = {project} and (lane, profile_id) in (select r.lane, r.profile_id from {rows} as r)
         union all select 'app_users', count(*) from app_users
           where project_id = {project} and custom_id_hash = {hash}",
    )
    .bind("project", project)
    .bind("hash", custom_id.map(|custom_id| app_user::hash(custom_id).to_vec()))
    .rows(
        "rows",
        profile_rows(profiles).ints("lane", profiles.iter().map(|profile| lane_of(*profile))),
    )
    .all(conn)
    .await?;
    let counts = rows.iter().map(|row| Ok((row.get("kind")?, row.get::<i64>("n")?)));
    let counts: Result<Vec<_>, Error> = counts.collect();
    Ok(counts?.into_iter().filter(|(_, n)| *n > 0).collect())
}

/// The projects that ever accepted a write: what purging goes through.
pub(crate) async fn projects(conn: &impl ConnectionTrait) -> Result<Vec<ProjectId>, Error> {
    let rows = Sql::new("select project_id from project_activity order by project_id")
        .all(conn)
        .await?;
    rows.iter().map(|row| row.get("project_id")).collect()
}
