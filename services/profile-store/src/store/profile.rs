use std::collections::HashMap;

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::{StoredAttributes, conflict, json, profile_rows};
use crate::domain::profile::Profile;

/// Profiles that were not there when the batch was read. If one is there now, the batch is run again.
pub(crate) async fn insert(txn: &DatabaseTransaction, project: ProjectId, profiles: &[Profile]) -> Result<(), Error> {
    if profiles.is_empty() {
        return Ok(());
    }
    let inserted = Sql::new(
        "insert into profiles (project_id, profile_id, custom_id, email_key, attributes, version, created_at)
         select {project}, r.profile_id, r.custom_id, r.email_key, r.attributes, r.version, r.created_at
         from {rows} as r where true
         on conflict (project_id, profile_id) do nothing",
    )
    .bind("project", project)
    .rows("rows", rows(profiles)?)
    .execute(txn)
    .await?;
    if inserted < profiles.len() as u64 {
        return Err(conflict());
    }
    Ok(())
}

/// Profiles whose rows the transaction has locked.
pub(crate) async fn update(txn: &DatabaseTransaction, project: ProjectId, profiles: &[Profile]) -> Result<(), Error> {
    if profiles.is_empty() {
        return Ok(());
    }
    // Not `update … from`: SQLite may then read every profile of the project for each row.
    Sql::new(
        "insert into profiles (project_id, profile_id, custom_id, email_key, attributes, version, created_at)
         select {project}, r.profile_id, r.custom_id, r.email_key, r.attributes, r.version, r.created_at
         from {rows} as r where true
         on conflict (project_id, profile_id) do update set
           custom_id = excluded.custom_id, email_key = excluded.email_key,
           attributes = excluded.attributes, version = excluded.version",
    )
    .bind("project", project)
    .rows("rows", rows(profiles)?)
    .execute(txn)
    .await?;
    Ok(())
}

fn rows(profiles: &[Profile]) -> Result<Rows, Error> {
    let attributes: Result<Vec<_>, _> = profiles.iter().map(|profile| json(&profile.attributes)).collect();
    Ok(Rows::new(profiles.len())
        .uuids("profile_id", profiles.iter().map(|profile| profile.id))
        .opt_texts("custom_id", profiles.iter().map(|profile| profile.custom_id.as_deref()))
        .opt_texts("email_key", profiles.iter().map(Profile::email_key))
        .json("attributes", attributes?)
        .ints("version", profiles.iter().map(|profile| profile.version))
        .times("created_at", profiles.iter().map(|profile| profile.created_at)))
}

/// Reads profiles with their last activity.
pub(crate) async fn get(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    profiles: &[ProfileId],
) -> Result<HashMap<ProfileId, (Profile, Timestamp)>, Error> {
    let rows = Sql::new(
        "select p.profile_id, p.custom_id, p.attributes, p.version, p.created_at, a.last_activity_at
         from profiles as p
         join profile_activity as a on a.project_id = p.project_id and a.profile_id = p.profile_id
         where p.project_id = {project} and p.profile_id in (select r.profile_id from {rows} as r)",
    )
    .bind("project", project)
    .rows("rows", profile_rows(profiles))
    .all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let profile = Profile {
                id: row.get("profile_id")?,
                custom_id: row.get("custom_id")?,
                attributes: row.get::<StoredAttributes>("attributes")?.0,
                version: row.get("version")?,
                created_at: row.time("created_at")?,
            };
            Ok((profile.id, (profile, row.time("last_activity_at")?)))
        })
        .collect()
}

/// The profiles that hold an address, by its folded form.
pub(crate) async fn with_address(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    email_key: &str,
) -> Result<Vec<ProfileId>, Error> {
    let rows = Sql::new(
        "select profile_id from profiles
         where project_id = {project} and email_key = {email_key} order by profile_id",
    )
    .bind("project", project)
    .bind("email_key", email_key)
    .all(conn)
    .await?;
    rows.iter().map(|row| row.get("profile_id")).collect()
}

/// Locks profiles, and takes the place of those that are not there, so that whoever is about to make one waits for
/// this transaction and then finds it retired. Tells how many are there.
pub(crate) async fn occupy(
    txn: &DatabaseTransaction,
    project: ProjectId,
    profiles: &[ProfileId],
) -> Result<u64, Error> {
    let rows = Sql::new(
        "insert into profiles (project_id, profile_id, attributes, version, created_at)
         select {project}, r.profile_id, {nothing}, 0, 0 from {rows} as r where true
         on conflict (project_id, profile_id) do update set version = profiles.version
         returning version",
    )
    .bind("project", project)
    .bind("nothing", serde_json::json!({}))
    .rows("rows", profile_rows(profiles))
    .all(txn)
    .await?;
    let mut there = 0;
    for row in &rows {
        there += u64::from(row.get::<i64>("version")? > 0);
    }
    Ok(there)
}

/// Deletes the rows. Tells how many.
pub(crate) async fn delete(
    txn: &DatabaseTransaction,
    project: ProjectId,
    profiles: &[ProfileId],
) -> Result<u64, Error> {
    Sql::new(
        "delete from profiles
         where project_id = {project} and profile_id in (select r.profile_id from {rows} as r)",
    )
    .bind("project", project)
    .rows("rows", profile_rows(profiles))
    .execute(txn)
    .await
}

/// Counts the profiles of a project.
pub(crate) async fn count(conn: &impl ConnectionTrait, project: ProjectId) -> Result<i64, Error> {
    let row = Sql::new("select count(*) as n from profiles where project_id = {project}")
        .bind("project", project)
        .one(conn)
        .await?;
    row.map_or(Ok(0), |row| row.get("n"))
}
