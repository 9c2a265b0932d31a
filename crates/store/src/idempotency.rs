//! Calls made under an idempotency key: the first one has the effect, the others get its answer.
//!
//! The row lives in the database of the effect. [`begin`], the effect and [`finish`] belong in one transaction
//! where that is possible; where it is not, a caller that died in between blocks the key for [`LEASE`] only.

use std::time::Duration;

use chappe_ids::ProjectId;
use chappe_kit::{Error, ErrorKind, Timestamp};
use sea_orm::DatabaseTransaction;

use crate::{
    RowExt as _, Sql,
    error::{RETRY_CONFLICT, WRITE_CONFLICT},
    lease,
};

/// How long an answer is kept.
pub const KEPT_FOR: Duration = Duration::from_hours(24);

/// How long a call may be in progress before another may take its place.
pub const LEASE: Duration = Duration::from_secs(30);

/// How long a caller should wait for a call in progress.
const RETRY_BUSY: Duration = Duration::from_secs(1);

/// What to do with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Do it, then [`finish`].
    Fresh,
    /// It was done: answer with this.
    Replay(Vec<u8>),
}

/// Opens a call. `scope` separates the keys of different methods; `fingerprint` is a digest of the request.
///
/// The same key with another request is `IDEMPOTENCY_KEY_REUSED`; with the same request while the first is in
/// progress, `IDEMPOTENCY_KEY_BUSY`.
pub async fn begin(
    txn: &DatabaseTransaction,
    project: ProjectId,
    scope: &str,
    key: &str,
    fingerprint: &[u8],
    now: Timestamp,
) -> Result<Begin, Error> {
    let opened = Sql::new(
        "insert into idempotency (project_id, scope, key, fingerprint, lease_until, created_at, expires_at)
         values ({project}, {scope}, {key}, {fingerprint}, {db_now} + {lease}, {now}, {expires_at})
         on conflict (project_id, scope, key) do update set
           fingerprint = excluded.fingerprint, response = null, lease_until = excluded.lease_until,
           created_at = excluded.created_at, expires_at = excluded.expires_at
         where idempotency.expires_at <= {now}
            or (idempotency.response is null and idempotency.lease_until <= {db_now}
                and idempotency.fingerprint = excluded.fingerprint)",
    )
    .bind("project", project)
    .bind("scope", scope)
    .bind("key", key)
    .bind("fingerprint", fingerprint.to_vec())
    .bind("lease", lease::micros(LEASE))
    .bind("now", now.micros())
    .bind("expires_at", (now + KEPT_FOR).micros())
    .execute(txn)
    .await?;
    if opened > 0 {
        return Ok(Begin::Fresh);
    }
    let row = Sql::new(
        "select fingerprint, response from idempotency
         where project_id = {project} and scope = {scope} and key = {key}",
    )
    .bind("project", project)
    .bind("scope", scope)
    .bind("key", key)
    .one(txn)
    .await?
    .ok_or_else(|| {
        Error::new(
            ErrorKind::Aborted,
            WRITE_CONFLICT,
            "the idempotency key has just expired; try again",
        )
        .retry_after(RETRY_CONFLICT)
    })?;
    if row.get::<Vec<u8>>("fingerprint")? != fingerprint {
        return Err(Error::invalid(
            "IDEMPOTENCY_KEY_REUSED",
            "this idempotency key was used for another request; use a fresh key for each request",
        ));
    }
    row.get::<Option<Vec<u8>>>("response")?.map_or_else(
        || {
            Err(Error::new(
                ErrorKind::Aborted,
                "IDEMPOTENCY_KEY_BUSY",
                "the first request with this idempotency key is still in progress; try again shortly",
            )
            .retry_after(RETRY_BUSY))
        },
        |response| Ok(Begin::Replay(response)),
    )
}

/// Stores the answer. `LEASE_LOST` if another call took this one's place and finished first: roll back.
pub async fn finish(
    txn: &DatabaseTransaction,
    project: ProjectId,
    scope: &str,
    key: &str,
    response: &[u8],
) -> Result<(), Error> {
    let touched = Sql::new(
        "update idempotency set response = {response}
         where project_id = {project} and scope = {scope} and key = {key} and response is null",
    )
    .bind("response", response.to_vec())
    .bind("project", project)
    .bind("scope", scope)
    .bind("key", key)
    .execute(txn)
    .await?;
    if touched == 0 {
        return Err(Error::new(
            ErrorKind::Aborted,
            "LEASE_LOST",
            "another request with this idempotency key has finished first; send it again for its answer",
        )
        .retry_after(RETRY_CONFLICT));
    }
    Ok(())
}

/// Forgets at most `limit` calls whose time is over. Tells how many.
pub async fn purge(txn: &DatabaseTransaction, now: Timestamp, limit: u32) -> Result<u64, Error> {
    Sql::new(
        "delete from idempotency where (project_id, scope, key) in (
           select project_id, scope, key from idempotency
           where expires_at <= {now} order by expires_at limit {limit})",
    )
    .bind("now", now.micros())
    .bind("limit", i64::from(limit))
    .execute(txn)
    .await
}
