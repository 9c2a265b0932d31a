//! The audit trail. Entries are only ever added, in the transaction of what they record.

use chappe_ids::ProjectId;
use chappe_kit::{Error, ErrorKind, Timestamp, keys::Key};
use chappe_store::{RowExt as _, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use uuid::Uuid;

use crate::domain::audit::{Entry, Event, Head};

/// Entries that are checked at a time.
const PAGE: i64 = 1_000;

/// What is to be recorded.
pub(crate) struct Record<'a> {
    pub(crate) at: Timestamp,
    pub(crate) event: Event,
    pub(crate) subject: Uuid,
    pub(crate) target_hash: &'a [u8],
    pub(crate) detail: serde_json::Value,
}

/// Adds an entry. Keep it last in its transaction: writers of one project queue at the head of the chain.
pub(crate) async fn append(
    txn: &DatabaseTransaction,
    key: &Key,
    project: ProjectId,
    record: Record<'_>,
) -> Result<(), Error> {
    let row = Sql::new(
        "insert into audit_heads (project_id, seq, hash) values ({project}, 1, {genesis})
         on conflict (project_id) do update set seq = audit_heads.seq + 1
         returning seq, hash",
    )
    .bind("project", project)
    .bind("genesis", Head::genesis().hash)
    .one(txn)
    .await?
    .ok_or_else(|| Error::internal("the head of the audit trail gives one row"))?;
    let seq: i64 = row.get("seq")?;
    let previous = Head {
        seq: seq - 1,
        hash: row.get("hash")?,
    };
    let entry = Entry {
        seq,
        at: record.at,
        event: record.event.name().to_owned(),
        subject: record.subject,
        target_hash: record.target_hash.to_vec(),
        detail: record.detail.to_string(),
    };
    let hash = previous.seal(key, project, &entry).to_vec();
    Sql::new(
        "insert into audit_entries (project_id, seq, at, event, subject_id, target_hash, detail, previous_hash, hash)
         values ({project}, {seq}, {at}, {event}, {subject}, {target_hash}, {detail}, {previous}, {hash})",
    )
    .bind("project", project)
    .bind("seq", entry.seq)
    .bind("at", entry.at.micros())
    .bind("event", entry.event)
    .bind("subject", entry.subject)
    .bind("target_hash", entry.target_hash)
    .bind("detail", entry.detail)
    .bind("previous", previous.hash)
    .bind("hash", hash.clone())
    .execute(txn)
    .await?;
    Sql::new("update audit_heads set hash = {hash} where project_id = {project}")
        .bind("project", project)
        .bind("hash", hash)
        .execute(txn)
        .await?;
    Ok(())
}

/// The projects that have a trail.
pub(crate) async fn projects(conn: &impl ConnectionTrait) -> Result<Vec<ProjectId>, Error> {
    let found = Sql::new("select project_id from audit_heads order by project_id")
        .all(conn)
        .await?;
    found.iter().map(|row| row.get("project_id")).collect()
}

/// Follows the chain from its beginning to the head that was there at first, and tells its length.
pub(crate) async fn verify(conn: &impl ConnectionTrait, key: &Key, project: ProjectId) -> Result<i64, Error> {
    let head = Sql::new("select seq, hash from audit_heads where project_id = {project}")
        .bind("project", project)
        .one(conn)
        .await?;
    let mut place = Head::genesis();
    let Some(head) = head else {
        return Ok(place.seq);
    };
    let head = Head {
        seq: head.get("seq")?,
        hash: head.get("hash")?,
    };
    while place.seq < head.seq {
        let page = entries(conn, project, place.seq, head.seq).await?;
        if page.is_empty() {
            return Err(broken(place.seq + 1));
        }
        for (entry, seal) in page {
            place = place
                .follow(key, project, &entry, &seal)
                .ok_or_else(|| broken(place.seq + 1))?;
        }
    }
    if place == head {
        Ok(place.seq)
    } else {
        Err(broken(head.seq))
    }
}

fn broken(seq: i64) -> Error {
    Error::new(
        ErrorKind::FailedPrecondition,
        "AUDIT_BROKEN",
        format!("entry {seq} of the audit trail is not what was written; compare with a backup"),
    )
}

async fn entries(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    after: i64,
    until: i64,
) -> Result<Vec<(Entry, Vec<u8>)>, Error> {
    let found = Sql::new(
        "select seq, at, event, subject_id, target_hash, detail, hash from audit_entries
         where project_id = {project} and seq > {after} and seq <= {until} order by seq limit {page}",
    )
    .bind("project", project)
    .bind("after", after)
    .bind("until", until)
    .bind("page", PAGE)
    .all(conn)
    .await?;
    let read = |row: &sea_orm::QueryResult| {
        let entry = Entry {
            seq: row.get("seq")?,
            at: row.time("at")?,
            event: row.get("event")?,
            subject: row.get("subject_id")?,
            target_hash: row.get("target_hash")?,
            detail: row.get("detail")?,
        };
        Ok((entry, row.get("hash")?))
    };
    found.iter().map(read).collect()
}
