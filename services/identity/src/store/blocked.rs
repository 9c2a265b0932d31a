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
