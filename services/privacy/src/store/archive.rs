//! Archives, in pieces.

use chappe_ids::{ProjectId, RequestId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::request::Held;

/// Bytes of a piece: one message of the stream, and one row.
const CHUNK_BYTES: usize = 256 * 1024;

/// An archive that can be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Archive {
    pub(crate) project: ProjectId,
    pub(crate) request: RequestId,
    pub(crate) chunks: i64,
}

pub(crate) async fn insert(
    txn: &DatabaseTransaction,
    held: Held,
    name_hash: &[u8],
    content: &[u8],
    expires_at: Timestamp,
) -> Result<(), Error> {
    let chunks = content.chunks(CHUNK_BYTES);
    Sql::new(
        "insert into archives (project_id, request_id, name_hash, chunks, expires_at)
         values ({project}, {request}, {name_hash}, {chunks}, {expires_at})",
    )
    .bind("project", held.project)
    .bind("request", held.request)
    .bind("name_hash", name_hash.to_vec())
    .bind("chunks", i64::try_from(chunks.len()).unwrap_or(i64::MAX))
    .bind("expires_at", expires_at.micros())
    .execute(txn)
    .await?;
    for (number, chunk) in (0_i64..).zip(chunks) {
        Sql::new(
            "insert into archive_chunks (project_id, request_id, chunk, content)
             values ({project}, {request}, {chunk}, {content})",
        )
        .bind("project", held.project)
        .bind("request", held.request)
        .bind("chunk", number)
        .bind("content", chunk.to_vec())
        .execute(txn)
        .await?;
    }
    Ok(())
}

/// The archive of this name, unless it has expired. Covers all projects: the name is the credential.
pub(crate) async fn by_name(
    conn: &impl ConnectionTrait,
    name_hash: &[u8],
    now: Timestamp,
) -> Result<Option<Archive>, Error> {
    let row = Sql::new(
        "select project_id, request_id, chunks from archives where name_hash = {name_hash} and expires_at > {now}",
    )
    .bind("name_hash", name_hash.to_vec())
    .bind("now", now.micros())
    .one(conn)
    .await?;
    row.map(|row| {
        Ok(Archive {
            project: row.get("project_id")?,
            request: row.get("request_id")?,
            chunks: row.get("chunks")?,
        })
    })
    .transpose()
}

/// One piece; `None` when the archive was deleted meanwhile.
pub(crate) async fn chunk(
    conn: &impl ConnectionTrait,
    archive: Archive,
    number: i64,
) -> Result<Option<Vec<u8>>, Error> {
    let row = Sql::new(
        "select content from archive_chunks
         where project_id = {project} and request_id = {request} and chunk = {chunk}",
    )
    .bind("project", archive.project)
    .bind("request", archive.request)
    .bind("chunk", number)
    .one(conn)
    .await?;
    row.map(|row| row.get("content")).transpose()
}

/// Deletes the archives of these requests and tells how many there were.
pub(crate) async fn delete(
    txn: &DatabaseTransaction,
    project: ProjectId,
    requests: &[RequestId],
) -> Result<u64, Error> {
    let rows = || Rows::new(requests.len()).uuids("request_id", requests.iter().copied());
    Sql::new(
        "delete from archive_chunks where project_id = {project}
           and request_id in (select r.request_id from {rows} as r)",
    )
    .bind("project", project)
    .rows("rows", rows())
    .execute(txn)
    .await?;
    Sql::new(
        "delete from archives where project_id = {project}
           and request_id in (select r.request_id from {rows} as r)",
    )
    .bind("project", project)
    .rows("rows", rows())
    .execute(txn)
    .await
}

/// At most `limit` archives that have expired, whatever their project.
pub(crate) async fn expired(
    conn: &impl ConnectionTrait,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(ProjectId, RequestId)>, Error> {
    let found = Sql::new(
        "select project_id, request_id from archives where expires_at <= {now} order by expires_at limit {limit}",
    )
    .bind("now", now.micros())
    .bind("limit", limit)
    .all(conn)
    .await?;
    found
        .iter()
        .map(|row| Ok((row.get("project_id")?, row.get("request_id")?)))
        .collect()
}
