//! Profile ids that must not come back: deleted, erased or merged into another.
//!
//! Every database that stores a profile id has this table and asks it in each write transaction, so that
//! nothing in flight resurrects a person.

use std::{collections::HashMap, time::Duration};

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use crate::{RowExt as _, Rows, Sql};

/// How long an id is remembered: thirteen months, the longest that data in flight or in a backup may return.
pub const KEPT_FOR: Duration = Duration::from_hours(24 * 397);

/// What became of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retired {
    /// The profile it was merged into; `None` if it is gone.
    pub moved_to: Option<ProfileId>,
}

/// Remembers ids until `until`, in the transaction that deletes or merges. Gone is final: an id that is gone
/// is not moved any more.
pub async fn retire(
    txn: &DatabaseTransaction,
    project: ProjectId,
    ids: &[(ProfileId, Option<ProfileId>)],
    until: Timestamp,
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    // Of an id given twice, the first stays: gone sorts before moved.
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup_by_key(|(id, _)| *id);
    let rows = Rows::new(ids.len())
        .uuids("profile_id", ids.iter().map(|(id, _)| *id))
        .opt_uuids("moved_to", ids.iter().map(|(_, to)| *to));
    Sql::new(
        "insert into retired_profiles (project_id, profile_id, moved_to, until)
         select {project}, r.profile_id, r.moved_to, {until} from {rows} as r where true
         on conflict (project_id, profile_id) do update set
           moved_to = case when retired_profiles.moved_to is null then null else excluded.moved_to end,
           until = excluded.until",
    )
    .bind("project", project)
    .bind("until", until.micros())
    .rows("rows", rows)
    .execute(txn)
    .await?;
    Ok(())
}

/// Which of the ids are retired. One step: a profile that it moved to may be retired itself.
pub async fn lookup(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    ids: &[ProfileId],
) -> Result<HashMap<ProfileId, Retired>, Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = Sql::new(
        "select profile_id, moved_to from retired_profiles
         where project_id = {project} and profile_id in (select r.profile_id from {rows} as r)",
    )
    .bind("project", project)
    .rows("rows", Rows::new(ids.len()).uuids("profile_id", ids.iter().copied()))
    .all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let moved_to = row.get::<Option<uuid::Uuid>>("moved_to")?.map(ProfileId::from_uuid);
            Ok((row.get("profile_id")?, Retired { moved_to }))
        })
        .collect()
}

/// Forgets at most `limit` ids whose time is over. Tells how many.
pub async fn purge(txn: &DatabaseTransaction, now: Timestamp, limit: u32) -> Result<u64, Error> {
    Sql::new(
        "delete from retired_profiles where (project_id, profile_id) in (
           select project_id, profile_id from retired_profiles where until <= {now} order by until limit {limit})",
    )
    .bind("now", now.micros())
    .bind("limit", i64::from(limit))
    .execute(txn)
    .await
}
