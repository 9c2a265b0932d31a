use std::collections::HashSet;

use chappe_ids::ProjectId;
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

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

/// Which of the subjects are blocked.
pub(crate) async fn of(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    subjects: &[[u8; 32]],
    now: Timestamp,
) -> Result<HashSet<Vec<u8>>, Error> {
    let rows = Sql::new(
        "select subject_hash from blocked_subjects
         where project_id = {project} and until > {now}
           and subject_hash in (select r.subject_hash from {rows} as r)",
    )
    .bind("project", project)
    .bind("now", now.micros())
    .rows("rows", Rows::new(subjects.len()).bytes("subject_hash", subjects))
    .all(conn)
    .await?;
    rows.iter().map(|row| row.get("subject_hash")).collect()
}

/// Forgets the blocks of a project whose time is over. Tells how many.
pub(crate) async fn purge(txn: &DatabaseTransaction, project: ProjectId, now: Timestamp) -> Result<u64, Error> {
    Sql::new("delete from blocked_subjects where project_id = {project} and until <= {now}")
        .bind("project", project)
        .bind("now", now.micros())
        .execute(txn)
        .await
}
