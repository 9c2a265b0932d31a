use chappe_ids::ProjectId;
use chappe_kit::{Error, Timestamp};
use chappe_store::Sql;
use sea_orm::DatabaseTransaction;

/// From now on discards data for the subject; a second block prolongs the first.
pub(crate) async fn insert(
    txn: &DatabaseTransaction,
    project: ProjectId,
    subject: &[u8],
    until: Timestamp,
) -> Result<(), Error> {
    Sql::new(
        "insert into blocked_subjects (project_id, subject_hash, until) values ({project}, {subject}, {until})
         on conflict (project_id, subject_hash) do update set until = excluded.until",
    )
    .bind("project", project)
    .bind("subject", subject.to_vec())
    .bind("until", until.micros())
    .execute(txn)
    .await?;
    Ok(())
}

/// Forgets at most `limit` blocks whose time is over, of all projects. Tells how many.
pub(crate) async fn purge(txn: &DatabaseTransaction, now: Timestamp, limit: u32) -> Result<u64, Error> {
    Sql::new(
        "delete from blocked_subjects where (project_id, subject_hash) in (
           select project_id, subject_hash from blocked_subjects where until <= {now} limit {limit})",
    )
    .bind("now", now.micros())
    .bind("limit", i64::from(limit))
    .execute(txn)
    .await
}
