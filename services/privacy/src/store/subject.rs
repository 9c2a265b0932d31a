//! Keyed hashes of whom a request is about, by which an erasure finds the reviews of the same person.

use chappe_ids::{ProjectId, RequestId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::DatabaseTransaction;

use super::{archive, request::Held};
use crate::domain::request::{Kind, USER_NOT_FOUND};

/// Keeps the hashes for a request.
pub(crate) async fn insert(txn: &DatabaseTransaction, held: Held, hashes: &[[u8; 32]]) -> Result<(), Error> {
    Sql::new(
        "insert into request_subjects (project_id, subject_hash, request_id)
         select {project}, r.subject_hash, {request} from {rows} as r where true
         on conflict (project_id, subject_hash, request_id) do nothing",
    )
    .bind("project", held.project)
    .bind("request", held.request)
    .rows("rows", Rows::new(hashes.len()).bytes("subject_hash", hashes))
    .execute(txn)
    .await?;
    Ok(())
}

/// Forgets the reviews of the person that a removal is about: those at work end without a result, archives go, and
/// nobody can tell any more whom they were about. Tells how many archives there were.
pub(crate) async fn forget_reviews(txn: &DatabaseTransaction, removal: Held, now: Timestamp) -> Result<u64, Error> {
    // The rows are locked here, so a review that finishes meanwhile either is found with its archive or finds
    // itself ended.
    let ended = Sql::new(
        "update requests set done_at = coalesce(done_at, {now}),
           error = case when done_at is null then {error} else error end,
           identifier_value = '', target = null, profiles = null, claimed_by = null
         where project_id = {project} and kind = {review} and request_id in (
           select theirs.request_id from request_subjects mine
           join request_subjects theirs
             on theirs.project_id = mine.project_id and theirs.subject_hash = mine.subject_hash
           where mine.project_id = {project} and mine.request_id = {removal})
         returning request_id",
    )
    .bind("now", now.micros())
    .bind("error", USER_NOT_FOUND)
    .bind("review", Kind::Review as i64)
    .bind("project", removal.project)
    .bind("removal", removal.request)
    .all(txn)
    .await?;
    let mut reviews: Vec<RequestId> = ended
        .iter()
        .map(|row| row.get("request_id"))
        .collect::<Result<_, _>>()?;
    let archives = archive::delete(txn, removal.project, &reviews).await?;
    reviews.push(removal.request);
    delete(txn, removal.project, &reviews).await?;
    Ok(archives)
}

/// Drops the hashes of these requests.
pub(crate) async fn delete(txn: &DatabaseTransaction, project: ProjectId, requests: &[RequestId]) -> Result<(), Error> {
    Sql::new(
        "delete from request_subjects where project_id = {project}
           and request_id in (select r.request_id from {rows} as r)",
    )
    .bind("project", project)
    .rows(
        "rows",
        Rows::new(requests.len()).uuids("request_id", requests.iter().copied()),
    )
    .execute(txn)
    .await?;
    Ok(())
}
