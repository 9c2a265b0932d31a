//! Automations and their versions.

use chappe_ids::{AutomationId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};
use serde_json::{Map, Value as Json};

use crate::domain::definition::RunState;

/// What an automation is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    pub(crate) project: ProjectId,
    pub(crate) id: AutomationId,
    pub(crate) name: String,
    pub(crate) version: i64,
    pub(crate) state: RunState,
}

/// Names one version.
pub(crate) type VersionKey = (ProjectId, AutomationId, i64);

/// The spec of a version.
pub(crate) type Spec = Map<String, Json>;

/// The automations of some projects, ordered by project and name.
pub(crate) async fn current(conn: &impl ConnectionTrait, projects: &[ProjectId]) -> Result<Vec<Current>, Error> {
    let rows = Sql::new(
        "select project_id, automation_id, name, version, state from automations
         where project_id in (select r.project_id from {rows} as r) order by project_id, name",
    )
    .rows(
        "rows",
        Rows::new(projects.len()).uuids("project_id", projects.iter().copied()),
    )
    .all(conn)
    .await?;
    rows.iter().map(read).collect()
}

fn read(row: &QueryResult) -> Result<Current, Error> {
    let state: String = row.get("state")?;
    Ok(Current {
        project: row.get("project_id")?,
        id: row.get("automation_id")?,
        name: row.get("name")?,
        version: row.get("version")?,
        state: RunState::from_name(&state).ok_or_else(|| Error::internal("an automation is in no known state"))?,
    })
}

/// The specs of some versions.
pub(crate) async fn specs(conn: &impl ConnectionTrait, keys: &[VersionKey]) -> Result<Vec<(VersionKey, Spec)>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = Rows::new(keys.len())
        .uuids("project_id", keys.iter().map(|key| key.0))
        .uuids("automation_id", keys.iter().map(|key| key.1))
        .ints("version", keys.iter().map(|key| key.2));
    let rows = Sql::new(
        "select project_id, automation_id, version, spec from definitions
         where (project_id, automation_id, version) in (select r.project_id, r.automation_id, r.version from {rows} as r)",
    )
    .rows("rows", wanted)
    .all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let key = (row.get("project_id")?, row.get("automation_id")?, row.get("version")?);
            match row.get("spec")? {
                Json::Object(spec) => Ok((key, spec)),
                _ => Err(Error::internal("a stored spec is not an object")),
            }
        })
        .collect()
}

/// Versions of one project that live entries are on.
pub(crate) async fn versions_in_use(conn: &impl ConnectionTrait, project: ProjectId) -> Result<Vec<VersionKey>, Error> {
    let rows = Sql::new(
        "select d.automation_id, d.version from definitions d where d.project_id = {project} and exists (
           select 1 from entries e where e.project_id = d.project_id and e.automation_id = d.automation_id
             and e.version = d.version and e.end_reason is null)",
    )
    .bind("project", project)
    .all(conn)
    .await?;
    rows.iter()
        .map(|row| Ok((project, row.get("automation_id")?, row.get("version")?)))
        .collect()
}

/// Makes versions the current ones of their automations.
pub(crate) async fn put(txn: &DatabaseTransaction, now: Timestamp, versions: &[(Current, Spec)]) -> Result<(), Error> {
    if versions.is_empty() {
        return Ok(());
    }
    let rows = || {
        Rows::new(versions.len())
            .uuids("project_id", versions.iter().map(|(current, _)| current.project))
            .uuids("automation_id", versions.iter().map(|(current, _)| current.id))
            .ints("version", versions.iter().map(|(current, _)| current.version))
    };
    let specs = versions.iter().map(|(_, spec)| Json::Object(spec.clone()));
    Sql::new(
        "insert into definitions (project_id, automation_id, version, spec, created_at)
         select r.project_id, r.automation_id, r.version, r.spec, {now} from {rows} as r",
    )
    .bind("now", now.micros())
    .rows("rows", rows().json("spec", specs))
    .execute(txn)
    .await?;
    let named = rows()
        .texts("name", versions.iter().map(|(current, _)| &current.name))
        .texts("state", versions.iter().map(|(current, _)| current.state.as_str()));
    Sql::new(
        "insert into automations (project_id, automation_id, name, version, state)
         select r.project_id, r.automation_id, r.name, r.version, r.state from {rows} as r where true
         on conflict (project_id, automation_id) do update set version = excluded.version, state = excluded.state",
    )
    .rows("rows", named)
    .execute(txn)
    .await
    .map(drop)
}

/// Removes an automation; its versions stay for the entries that were on them.
pub(crate) async fn delete(txn: &DatabaseTransaction, project: ProjectId, id: AutomationId) -> Result<(), Error> {
    Sql::new("delete from automations where project_id = {project} and automation_id = {id}")
        .bind("project", project)
        .bind("id", id)
        .execute(txn)
        .await
        .map(drop)
}

/// Removes versions that no automation and no entry is on any more.
pub(crate) async fn purge(txn: &DatabaseTransaction) -> Result<u64, Error> {
    Sql::new(
        "delete from definitions where not exists (
           select 1 from automations a where a.project_id = definitions.project_id
             and a.automation_id = definitions.automation_id and a.version = definitions.version)
         and not exists (
           select 1 from entries e where e.project_id = definitions.project_id
             and e.automation_id = definitions.automation_id and e.version = definitions.version)",
    )
    .execute(txn)
    .await
}
