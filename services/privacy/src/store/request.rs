//! Requests, and the claims under which they are worked on.

use std::time::Duration;

use chappe_ids::{ClaimId, ProfileId, ProjectId, RequestId};
use chappe_kit::{Error, ErrorKind, Timestamp};
use chappe_store::{RowExt as _, Sql, lease};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};

use crate::domain::{
    request::{Kind, Request},
    target::Target,
};

/// How long a claim is good without a sign of life.
const CLAIMED_FOR: Duration = Duration::from_secs(30);

/// A request and the claim under which it is worked on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) project: ProjectId,
    pub(crate) request: RequestId,
    pub(crate) claim: ClaimId,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select r.request_id, r.kind, r.created_at, r.done_at, r.error, r.identifier_type, r.identifier_value,
                    r.target, r.target_hash, r.profiles, r.attempts, a.expires_at
             from requests r
             left join archives a on a.project_id = r.project_id and a.request_id = r.request_id
             where r.project_id = {project} ",
            $rest
        )
    };
}

pub(crate) async fn insert(txn: &DatabaseTransaction, project: ProjectId, request: &Request) -> Result<(), Error> {
    Sql::new(
        "insert into requests (project_id, request_id, kind, created_at, error, identifier_type, identifier_value,
                               target, target_hash, lease_until, available_at, attempts)
         values ({project}, {request}, {kind}, {created_at}, {error}, {identifier_type}, {identifier_value},
                 {target}, {target_hash}, 0, {created_at}, 0)",
    )
    .bind("project", project)
    .bind("request", request.id)
    .bind("kind", request.kind as i64)
    .bind("created_at", request.created_at.micros())
    .bind("error", request.error.as_str())
    .bind("identifier_type", request.identifier_type.as_str())
    .bind("identifier_value", request.identifier_value.as_str())
    .bind("target", json(&request.target)?)
    .bind("target_hash", request.target_hash.clone())
    .execute(txn)
    .await?;
    Ok(())
}

pub(crate) async fn get(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    request: RequestId,
) -> Result<Option<Request>, Error> {
    let found = Sql::new(select!("and r.request_id = {request}"))
        .bind("project", project)
        .bind("request", request)
        .one(conn)
        .await?;
    found.as_ref().map(read).transpose()
}

/// The requests made since, and every one that is not done, newest first.
pub(crate) async fn list(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Request>, Error> {
    let found = Sql::new(select!(
        "and (r.created_at >= {since} or r.done_at is null)
         order by r.created_at desc, r.request_id desc limit {limit}"
    ))
    .bind("project", project)
    .bind("since", since.micros())
    .bind("limit", limit)
    .all(conn)
    .await?;
    found.iter().map(read).collect()
}

/// Claims at most `limit` requests whose time has come, whatever their project.
pub(crate) async fn claim(
    txn: &DatabaseTransaction,
    claim: ClaimId,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Held>, Error> {
    let claimed = Sql::new(
        "update requests set claimed_by = {claim}, lease_until = {db_now} + {lease}
         where done_at is null and available_at <= {now} and lease_until <= {db_now}
           and (project_id, request_id) in (
             select project_id, request_id from requests
             where done_at is null and available_at <= {now} and lease_until <= {db_now}
             order by available_at limit {limit})
         returning project_id, request_id",
    )
    .bind("claim", claim)
    .bind("lease", lease::micros(CLAIMED_FOR))
    .bind("now", now.micros())
    .bind("limit", i64::try_from(limit).unwrap_or(i64::MAX))
    .all(txn)
    .await?;
    let held = |row: &QueryResult| {
        Ok(Held {
            project: row.get("project_id")?,
            request: row.get("request_id")?,
            claim,
        })
    };
    claimed.iter().map(held).collect()
}

/// Lets `txn` go on only while the claim is good, and prolongs it. `LEASE_LOST` when another has taken the request
/// over, or an erasure of the same person has ended it.
pub(crate) async fn hold(txn: &DatabaseTransaction, held: Held) -> Result<(), Error> {
    let sql = Sql::new(
        "update requests set lease_until = {db_now} + {lease}
         where project_id = {project} and request_id = {request} and claimed_by = {claim} and done_at is null",
    );
    touch(sql.bind("lease", lease::micros(CLAIMED_FOR)), txn, held).await
}

/// Remembers which profiles were found.
pub(crate) async fn set_profiles(txn: &DatabaseTransaction, held: Held, profiles: &[ProfileId]) -> Result<(), Error> {
    let sql = Sql::new(
        "update requests set profiles = {profiles}
         where project_id = {project} and request_id = {request} and claimed_by = {claim} and done_at is null",
    );
    touch(sql.bind("profiles", json(&profiles)?), txn, held).await
}

/// The profiles that other removals of the same target have found and not finished with.
pub(crate) async fn profiles_in_removal(
    txn: &DatabaseTransaction,
    project: ProjectId,
    target_hash: &[u8],
) -> Result<Vec<ProfileId>, Error> {
    let found = Sql::new(
        "select profiles from requests
         where project_id = {project} and target_hash = {target} and kind = {remove}
           and done_at is null and profiles is not null",
    )
    .bind("project", project)
    .bind("target", target_hash.to_vec())
    .bind("remove", Kind::Remove as i64)
    .all(txn)
    .await?;
    let mut profiles = Vec::new();
    for row in &found {
        profiles.extend(profiles_of(row)?.unwrap_or_default());
    }
    Ok(profiles)
}

/// Ends the request. It no longer knows whom it was about; a removal also drops the client's words for it.
pub(crate) async fn finish(
    txn: &DatabaseTransaction,
    held: Held,
    kind: Kind,
    error: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = Sql::new(
        "update requests set done_at = {now}, error = {error}, target = null, profiles = null, claimed_by = null,
           identifier_value = case when {forget} then '' else identifier_value end
         where project_id = {project} and request_id = {request} and claimed_by = {claim} and done_at is null",
    );
    let sql = sql.bind("now", now.micros()).bind("error", error);
    touch(sql.bind("forget", kind == Kind::Remove), txn, held).await
}

/// Gives the request back, to be tried again later.
pub(crate) async fn postpone(
    txn: &DatabaseTransaction,
    held: Held,
    attempts: i64,
    until: Timestamp,
) -> Result<(), Error> {
    let sql = Sql::new(
        "update requests set claimed_by = null, lease_until = 0, attempts = {attempts}, available_at = {until}
         where project_id = {project} and request_id = {request} and claimed_by = {claim} and done_at is null",
    );
    touch(sql.bind("attempts", attempts).bind("until", until.micros()), txn, held).await
}

/// Gives back every claim: for a store that only one process opens, when that process starts.
pub(crate) async fn release_all(txn: &DatabaseTransaction) -> Result<u64, Error> {
    Sql::new("update requests set claimed_by = null, lease_until = 0 where done_at is null and lease_until > 0")
        .execute(txn)
        .await
}

/// Drops the client's words from at most `limit` reviews made before.
pub(crate) async fn forget_before(txn: &DatabaseTransaction, before: Timestamp, limit: i64) -> Result<u64, Error> {
    Sql::new(
        "update requests set identifier_value = ''
         where (project_id, request_id) in (
           select project_id, request_id from requests
           where created_at < {before} and done_at is not null and identifier_value <> '' limit {limit})",
    )
    .bind("before", before.micros())
    .bind("limit", limit)
    .execute(txn)
    .await
}

async fn touch(sql: Sql, txn: &DatabaseTransaction, held: Held) -> Result<(), Error> {
    let touched = sql
        .bind("project", held.project)
        .bind("request", held.request)
        .bind("claim", held.claim)
        .execute(txn)
        .await?;
    if touched == 0 {
        return Err(Error::new(
            ErrorKind::Aborted,
            lease::LOST,
            "the request is done, or somebody else's work now",
        ));
    }
    Ok(())
}

fn read(row: &QueryResult) -> Result<Request, Error> {
    let target: Option<serde_json::Value> = row.get("target")?;
    let target = target.map(serde_json::from_value::<Option<Target>>).transpose();
    Ok(Request {
        id: row.get("request_id")?,
        kind: Kind::from_stored(row.get("kind")?)?,
        created_at: row.time("created_at")?,
        done_at: row.opt_time("done_at")?,
        error: row.get("error")?,
        identifier_type: row.get("identifier_type")?,
        identifier_value: row.get("identifier_value")?,
        target: target.map_err(Error::internal)?.flatten(),
        target_hash: row.get("target_hash")?,
        profiles: profiles_of(row)?,
        attempts: row.get("attempts")?,
        archive_until: row.opt_time("expires_at")?,
    })
}

fn profiles_of(row: &QueryResult) -> Result<Option<Vec<ProfileId>>, Error> {
    let stored: Option<serde_json::Value> = row.get("profiles")?;
    stored.map(serde_json::from_value).transpose().map_err(Error::internal)
}

fn json(value: &impl serde::Serialize) -> Result<serde_json::Value, Error> {
    serde_json::to_value(value).map_err(Error::internal)
}
