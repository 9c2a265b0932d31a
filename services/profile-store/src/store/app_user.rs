//! The app-centric model: one record per app and custom id, apart from profiles.

use std::collections::HashMap;

use chappe_ids::{AppId, ProjectId};
use chappe_kit::{Error, Timestamp, keys::digest};
use chappe_query::Attributes;
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};

use super::{StoredAttributes, conflict, json};

/// A record as it is to be stored.
pub(crate) struct Record {
    pub(crate) custom_id: String,
    pub(crate) attributes: Attributes,
}

macro_rules! of_app {
    ($lock:literal) => {
        concat!(
            "select custom_id, attributes from app_users
             where project_id = {project} and app_id = {app}
               and custom_id_hash in (select r.custom_id_hash from {rows} as r)
             order by custom_id_hash ",
            $lock
        )
    };
}

/// Locks and reads the records of some users of an app, by custom id.
pub(crate) async fn lock(
    txn: &DatabaseTransaction,
    project: ProjectId,
    app: AppId,
    custom_ids: &[&str],
) -> Result<HashMap<String, Attributes>, Error> {
    // On SQLite the transaction is the lock.
    let text = match txn.get_database_backend() {
        DbBackend::Postgres => of_app!("for update"),
        _ => of_app!(""),
    };
    let rows = Sql::new(text)
        .bind("project", project)
        .bind("app", app)
        .rows("rows", hash_rows(custom_ids))
        .all(txn)
        .await?;
    rows.iter()
        .map(|row| Ok((row.get("custom_id")?, row.get::<StoredAttributes>("attributes")?.0)))
        .collect()
}

/// Records that were not there when they were read. If one is there now, the call is run again.
pub(crate) async fn insert(
    txn: &DatabaseTransaction,
    project: ProjectId,
    app: AppId,
    records: &[Record],
    now: Timestamp,
) -> Result<(), Error> {
    let written = Sql::new(
        "insert into app_users (project_id, custom_id_hash, app_id, custom_id, attributes, updated_at)
         select {project}, r.custom_id_hash, {app}, r.custom_id, r.attributes, {now} from {rows} as r where true
         on conflict (project_id, custom_id_hash, app_id) do nothing",
    );
    if write(written, txn, project, app, records, now).await? < records.len() as u64 {
        return Err(conflict());
    }
    Ok(())
}

/// Records whose rows the transaction has locked.
pub(crate) async fn update(
    txn: &DatabaseTransaction,
    project: ProjectId,
    app: AppId,
    records: &[Record],
    now: Timestamp,
) -> Result<(), Error> {
    let written = Sql::new(
        "insert into app_users (project_id, custom_id_hash, app_id, custom_id, attributes, updated_at)
         select {project}, r.custom_id_hash, {app}, r.custom_id, r.attributes, {now} from {rows} as r where true
         on conflict (project_id, custom_id_hash, app_id) do update set
           attributes = excluded.attributes, updated_at = excluded.updated_at",
    );
    write(written, txn, project, app, records, now).await.map(drop)
}

async fn write(
    sql: Sql,
    txn: &DatabaseTransaction,
    project: ProjectId,
    app: AppId,
    records: &[Record],
    now: Timestamp,
) -> Result<u64, Error> {
    if records.is_empty() {
        return Ok(0);
    }
    let mut sorted: Vec<_> = records.iter().map(|record| (hash(&record.custom_id), record)).collect();
    sorted.sort_unstable_by_key(|(hash, _)| *hash);
    let attributes: Result<Vec<_>, _> = sorted.iter().map(|(_, record)| json(&record.attributes)).collect();
    sql.bind("project", project)
        .bind("app", app)
        .bind("now", now.micros())
        .rows(
            "rows",
            Rows::new(sorted.len())
                .bytes("custom_id_hash", sorted.iter().map(|(hash, _)| *hash))
                .texts("custom_id", sorted.iter().map(|(_, record)| record.custom_id.as_str()))
                .json("attributes", attributes?),
        )
        .execute(txn)
        .await
}

/// Deletes the records of some users of an app.
pub(crate) async fn delete(
    txn: &DatabaseTransaction,
    project: ProjectId,
    app: AppId,
    custom_ids: &[&str],
) -> Result<(), Error> {
    if custom_ids.is_empty() {
        return Ok(());
    }
    Sql::new(
        "delete from app_users where project_id = {project} and app_id = {app}
           and custom_id_hash in (select r.custom_id_hash from {rows} as r)",
    )
    .bind("project", project)
    .bind("app", app)
    .rows("rows", hash_rows(custom_ids))
    .execute(txn)
    .await?;
    Ok(())
}

/// The records of one custom id in all apps of the project, with when each was last written.
pub(crate) async fn of_person(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    custom_id: &str,
) -> Result<Vec<(AppId, Attributes, Timestamp)>, Error> {
    let rows = Sql::new(
        "select app_id, attributes, updated_at from app_users
         where project_id = {project} and custom_id_hash = {hash} order by app_id",
    )
    .bind("project", project)
    .bind("hash", hash(custom_id).to_vec())
    .all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let attributes = row.get::<StoredAttributes>("attributes")?.0;
            Ok((row.get("app_id")?, attributes, row.time("updated_at")?))
        })
        .collect()
}

/// Deletes the records of one custom id in all apps of the project. Tells how many.
pub(crate) async fn delete_person(
    txn: &DatabaseTransaction,
    project: ProjectId,
    custom_id: &str,
) -> Result<u64, Error> {
    Sql::new("delete from app_users where project_id = {project} and custom_id_hash = {hash}")
        .bind("project", project)
        .bind("hash", hash(custom_id).to_vec())
        .execute(txn)
        .await
}

fn hash_rows(custom_ids: &[&str]) -> Rows {
    Rows::new(custom_ids.len()).bytes("custom_id_hash", custom_ids.iter().map(|custom_id| hash(custom_id)))
}

/// The key of a custom id, which is stored in clear beside it.
pub(super) fn hash(custom_id: &str) -> [u8; 32] {
    digest(custom_id.as_bytes())
}
