//! REST keys and app keys.

use chappe_ids::{AppId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use uuid::Uuid;

/// The owner of keys that open every project.
const EVERY_PROJECT: ProjectId = ProjectId::from_uuid(Uuid::nil());

pub(crate) async fn insert_rest_key(txn: &DatabaseTransaction, hash: &[u8], now: Timestamp) -> Result<(), Error> {
    Sql::new("insert into rest_keys (project_id, key_hash, created_at) values ({project}, {hash}, {now})")
        .bind("project", EVERY_PROJECT)
        .bind("hash", hash.to_vec())
        .bind("now", now.micros())
        .execute(txn)
        .await?;
    Ok(())
}

pub(crate) async fn rest_key_exists(conn: &impl ConnectionTrait, hash: &[u8]) -> Result<bool, Error> {
    let row = Sql::new("select key_hash from rest_keys where project_id = {project} and key_hash = {hash}")
        .bind("project", EVERY_PROJECT)
        .bind("hash", hash.to_vec())
        .one(conn)
        .await?;
    Ok(row.is_some())
}

/// An app with its key.
pub(crate) struct App {
    pub(crate) project: ProjectId,
    pub(crate) id: AppId,
    pub(crate) platform: String,
    pub(crate) key: String,
}

pub(crate) async fn insert_apps(txn: &DatabaseTransaction, apps: &[App], now: Timestamp) -> Result<(), Error> {
    Sql::new(
        "insert into apps (project_id, app_id, platform, app_key, created_at)
         select r.project_id, r.app_id, r.platform, r.app_key, {now} from {rows} as r",
    )
    .bind("now", now.micros())
    .rows(
        "rows",
        Rows::new(apps.len())
            .uuids("project_id", apps.iter().map(|app| app.project))
            .uuids("app_id", apps.iter().map(|app| app.id))
            .texts("platform", apps.iter().map(|app| app.platform.as_str()))
            .texts("app_key", apps.iter().map(|app| app.key.as_str())),
    )
    .execute(txn)
    .await?;
    Ok(())
}

/// The apps with one of these keys, whatever their project.
pub(crate) async fn apps_by_key(conn: &impl ConnectionTrait, keys: &[&str]) -> Result<Vec<App>, Error> {
    // What PostgreSQL cannot hold as text is nobody's key, and must not fail the others of the call.
    let keys: Vec<_> = keys.iter().filter(|key| !key.contains('\0')).copied().collect();
    let found = Sql::new(
        "select a.project_id, a.app_id, a.platform, a.app_key from {rows} as r join apps a on a.app_key = r.app_key",
    )
    .rows("rows", Rows::new(keys.len()).texts("app_key", keys))
    .all(conn)
    .await?;
    found.iter().map(app).collect()
}

/// The apps of a project.
pub(crate) async fn apps_of(conn: &impl ConnectionTrait, project: ProjectId) -> Result<Vec<App>, Error> {
    let found = Sql::new("select project_id, app_id, platform, app_key from apps where project_id = {project}")
        .bind("project", project)
        .all(conn)
        .await?;
    found.iter().map(app).collect()
}

fn app(row: &sea_orm::QueryResult) -> Result<App, Error> {
    Ok(App {
        project: row.get("project_id")?,
        id: row.get("app_id")?,
        platform: row.get("platform")?,
        key: row.get("app_key")?,
    })
}
