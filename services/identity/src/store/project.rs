//! Projects and their settings.

use chappe_ids::ProjectId;
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};

use crate::domain::settings::Settings;

/// A project as stored.
pub(crate) struct Project {
    pub(crate) id: ProjectId,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) version: i64,
}

pub(crate) async fn insert(txn: &DatabaseTransaction, project: &Project, now: Timestamp) -> Result<(), Error> {
    Sql::new(
        "insert into projects (project_id, project_key, name, settings, version, created_at)
         values ({id}, {key}, {name}, {settings}, {version}, {now})",
    )
    .bind("id", project.id)
    .bind("key", project.key.as_str())
    .bind("name", project.name.as_str())
    .bind("settings", json(&project.settings)?)
    .bind("version", project.version)
    .bind("now", now.micros())
    .execute(txn)
    .await?;
    Ok(())
}

/// Replaces the settings of a project.
pub(crate) async fn configure(txn: &DatabaseTransaction, id: ProjectId, settings: &Settings) -> Result<(), Error> {
    Sql::new("update projects set settings = {settings}, version = version + 1 where project_id = {id}")
        .bind("id", id)
        .bind("settings", json(settings)?)
        .execute(txn)
        .await?;
    Ok(())
}

pub(crate) async fn by_id(conn: &impl ConnectionTrait, id: ProjectId) -> Result<Option<Project>, Error> {
    let found =
        Sql::new("select project_id, project_key, name, settings, version from projects where project_id = {id}");
    found.bind("id", id).one(conn).await?.as_ref().map(project).transpose()
}

pub(crate) async fn by_key(conn: &impl ConnectionTrait, key: &str) -> Result<Option<Project>, Error> {
    let found =
        Sql::new("select project_id, project_key, name, settings, version from projects where project_key = {key}");
    found
        .bind("key", key)
        .one(conn)
        .await?
        .as_ref()
        .map(project)
        .transpose()
}

pub(crate) async fn all(conn: &impl ConnectionTrait) -> Result<Vec<Project>, Error> {
    let found = Sql::new("select project_id, project_key, name, settings, version from projects order by name");
    found.all(conn).await?.iter().map(project).collect()
}

fn project(row: &QueryResult) -> Result<Project, Error> {
    let settings: serde_json::Value = row.get("settings")?;
    Ok(Project {
        id: row.get("project_id")?,
        key: row.get("project_key")?,
        name: row.get("name")?,
        settings: serde_json::from_value(settings).map_err(Error::internal)?,
        version: row.get("version")?,
    })
}

fn json(settings: &Settings) -> Result<serde_json::Value, Error> {
    serde_json::to_value(settings).map_err(Error::internal)
}
