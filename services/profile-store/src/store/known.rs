//! All that a batch has to know before it decides, in one statement.

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, QueryResult};
use uuid::Uuid;

use super::StoredAttributes;
use crate::domain::{fold::Known, profile::Profile};

// Whoever is retired or blocked is looked up row by row: as a join, PostgreSQL reads the whole table while it is small.
macro_rules! statement {
    ($lock:literal) => {
        concat!(
            "with found as (
               select profile_id, custom_id, attributes, version, created_at from profiles
               where project_id = {project} and profile_id in (select r.profile_id from {profiles} as r)
               order by profile_id ",
            $lock,
            ")
             select 'profile' as kind, profile_id, custom_id as name, attributes, version, created_at,
               cast(null as uuid) as moved_to from found
             union all
             select 'retired', r.profile_id, null, null, null, null, (select t.moved_to from retired_profiles as t
                 where t.project_id = {project} and t.profile_id = r.profile_id)
               from {profiles} as r where (select t.until from retired_profiles as t
                 where t.project_id = {project} and t.profile_id = r.profile_id) is not null
             union all
             select 'blocked', r.profile_id, null, null, null, null, null
               from {profiles} as r where (select b.until from blocked_subjects as b
                 where b.project_id = {project} and b.subject_hash = r.subject_hash) > {now}
             union all
             select 'interest', null, name, null, null, null, null from interests
               where project_id = {project} and name in (select e.name from {events} as e)"
        )
    };
}

const POSTGRES: &str = statement!("for update");
const SQLITE: &str = statement!("");

/// A profile of a batch, and the keyed hash of its custom id.
pub(crate) type Named = (ProfileId, Option<[u8; 32]>);

/// Locks the profiles that are there and reads them, together with who is retired or blocked and which of the
/// events are of interest.
///
/// A profile that a concurrent deletion takes away while this waits for its lock looks as if it had never been:
/// the check for retired profiles in [`super::activity::raise`] catches it.
pub(crate) async fn lock(
    txn: &DatabaseTransaction,
    project: ProjectId,
    profiles: &[Named],
    events: &[&str],
    now: Timestamp,
) -> Result<Known, Error> {
    // On SQLite the transaction is the lock.
    let text = match txn.get_database_backend() {
        DbBackend::Postgres => POSTGRES,
        _ => SQLITE,
    };
    let rows = Sql::new(text)
        .bind("project", project)
        .bind("now", now.micros())
        .rows(
            "profiles",
            Rows::new(profiles.len())
                .uuids("profile_id", profiles.iter().map(|(profile, _)| *profile))
                .opt_bytes("subject_hash", profiles.iter().map(|(_, subject)| *subject)),
        )
        .rows("events", Rows::new(events.len()).texts("name", events.iter().copied()))
        .all(txn)
        .await?;
    let mut known = Known::default();
    for row in &rows {
        add(&mut known, row)?;
    }
    Ok(known)
}

fn add(known: &mut Known, row: &QueryResult) -> Result<(), Error> {
    match row.get::<String>("kind")?.as_str() {
        "interest" => {
            known.interests.insert(row.get("name")?);
        }
        "blocked" => {
            known.blocked.insert(row.get("profile_id")?);
        }
        "retired" => {
            let moved_to = row.get::<Option<Uuid>>("moved_to")?.map(ProfileId::from_uuid);
            known.retired.insert(row.get("profile_id")?, moved_to);
        }
        _ => {
            let profile = Profile {
                id: row.get("profile_id")?,
                custom_id: row.get("name")?,
                attributes: row.get::<StoredAttributes>("attributes")?.0,
                version: row.get("version")?,
                created_at: row.time("created_at")?,
            };
            known.profiles.insert(profile.id, profile);
        }
    }
    Ok(())
}
