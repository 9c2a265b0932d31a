//! Custom ids and installations, and the profiles they point at.

use std::collections::HashSet;

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use crate::domain::identifier::{Identifier, Kind};

/// One identifier with the keyed hash under which it may be blocked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) identifier: &'a Identifier,
    pub(crate) subject: [u8; 32],
}

impl Wanted<'_> {
    /// What is known once the identifier has its first profile.
    pub(crate) fn given(&self, profile: ProfileId) -> Found {
        Found {
            profile: Some(profile),
            custom_id: self.identifier.as_custom_id().map(ToOwned::to_owned),
            blocked: false,
        }
    }
}

/// What is known of one identifier.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) profile: Option<ProfileId>,
    pub(crate) custom_id: Option<String>,
    pub(crate) blocked: bool,
}

/// Looks up every identifier, in order, in one statement.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    wanted: &[Wanted<'_>],
    now: Timestamp,
) -> Result<Vec<Found>, Error> {
    // Row by row: while PostgreSQL has no statistics of a table that grows, it joins by reading all of it, and would
    // look for one custom id among all of them if the sum did not hide the kind from the primary key.
    let found = Sql::new(
        "with found as (
           select r.n, r.kind,
             (select i.profile_id from identifiers i
              where i.project_id = {project} and i.kind = r.kind and i.value_hash = r.value_hash) as profile_id,
             (select b.until from blocked_subjects b
              where b.project_id = {project} and b.subject_hash = r.subject_hash and b.until > {now}) as until
           from {rows} as r)
         select f.n, f.profile_id, f.until,
           case when f.kind <> {custom_id} then
             (select c.value from identifiers c
              where c.project_id = {project} and c.profile_id = f.profile_id and c.kind + 0 = {custom_id} limit 1)
           end as custom_id
         from found as f",
    )
    .bind("project", project)
    .bind("now", now.micros())
    .bind("custom_id", Kind::CustomId as i64)
    .rows("rows", keys(wanted))
    .all(conn)
    .await?;
    let mut answers = vec![Found::default(); wanted.len()];
    for row in found {
        let n: i64 = row.get("n")?;
        let n = usize::try_from(n).ok().filter(|n| *n < wanted.len());
        let n = n.expect("n is an index that was sent");
        let profile: Option<ProfileId> = row.get("profile_id")?;
        answers[n] = Found {
            profile,
            custom_id: match wanted[n].identifier.as_custom_id() {
                Some(custom_id) => profile.map(|_| custom_id.to_owned()),
                None => row.get("custom_id")?,
            },
            blocked: row.opt_time("until")?.is_some(),
        };
    }
    Ok(answers)
}

/// Gives each identifier that has no profile and is not blocked the proposed one, and tells which got theirs. Whoever
/// comes second to an identifier leaves it alone.
pub(crate) async fn insert(
    txn: &DatabaseTransaction,
    project: ProjectId,
    wanted: &[Wanted<'_>],
    proposed: &[ProfileId],
    now: Timestamp,
) -> Result<HashSet<ProfileId>, Error> {
    let rows = keys(wanted)
        .texts("value", wanted.iter().map(|one| one.identifier.value.as_str()))
        .uuids("profile_id", proposed.iter().copied());
    let inserted = Sql::new(
        "insert into identifiers (project_id, kind, value_hash, value, profile_id, created_at)
         select {project}, r.kind, r.value_hash, r.value, r.profile_id, {now} from {rows} as r
         where (select b.until from blocked_subjects b
                where b.project_id = {project} and b.subject_hash = r.subject_hash and b.until > {now}) is null
         order by r.kind, r.value_hash
         on conflict (project_id, kind, value_hash) do nothing returning profile_id",
    )
    .bind("project", project)
    .bind("now", now.micros())
    .rows("rows", rows)
    .all(txn)
    .await?;
    inserted.iter().map(|row| row.get("profile_id")).collect()
}

/// A mapping to change: from the retired profile to the next one, wherever it still points there.
pub(crate) struct Replacement {
    pub(crate) retired: ProfileId,
    pub(crate) next: ProfileId,
}

/// Points identifiers away from retired profiles: compare and set, so that whoever comes second changes nothing.
pub(crate) async fn replace(
    txn: &DatabaseTransaction,
    project: ProjectId,
    replacements: &[Replacement],
) -> Result<(), Error> {
    let rows = Rows::new(replacements.len())
        .uuids("retired", replacements.iter().map(|r| r.retired))
        .uuids("next", replacements.iter().map(|r| r.next));
    Sql::new(
        "update identifiers set profile_id = r.next from {rows} as r
         where identifiers.project_id = {project} and identifiers.profile_id = r.retired",
    )
    .bind("project", project)
    .rows("rows", rows)
    .execute(txn)
    .await?;
    Ok(())
}

/// Removes every identifier of the profiles.
pub(crate) async fn delete(
    txn: &DatabaseTransaction,
    project: ProjectId,
    profiles: &[ProfileId],
) -> Result<u64, Error> {
    Sql::new(
        "delete from identifiers where project_id = {project}
           and profile_id in (select r.profile_id from {rows} as r)",
    )
    .bind("project", project)
    .rows(
        "rows",
        Rows::new(profiles.len()).uuids("profile_id", profiles.iter().copied()),
    )
    .execute(txn)
    .await
}

/// Kind and value of every identifier of the profiles.
pub(crate) async fn of_profiles(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    profiles: &[ProfileId],
) -> Result<Vec<(i64, String, ProfileId, Timestamp)>, Error> {
    let found = Sql::new(
        "select i.kind, i.value, i.profile_id, i.created_at from {rows} as r
         join identifiers i on i.project_id = {project} and i.profile_id = r.profile_id order by i.kind, i.value",
    )
    .bind("project", project)
    .rows(
        "rows",
        Rows::new(profiles.len()).uuids("profile_id", profiles.iter().copied()),
    )
    .all(conn)
    .await?;
    let read = |row: &sea_orm::QueryResult| {
        Ok((
            row.get("kind")?,
            row.get("value")?,
            row.get("profile_id")?,
            row.time("created_at")?,
        ))
    };
    found.iter().map(read).collect()
}

fn keys(wanted: &[Wanted<'_>]) -> Rows {
    Rows::new(wanted.len())
        .ints("n", (0_i64..).take(wanted.len()))
        .ints("kind", wanted.iter().map(|one| one.identifier.kind as i64))
        .bytes("value_hash", wanted.iter().map(|one| one.identifier.hash))
        .bytes("subject_hash", wanted.iter().map(|one| one.subject))
}
