//! Senders and templates: immutable versions, and which one is current.

use std::collections::HashMap;

use chappe_ids::ProjectId;
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::{Map, Value as Json};

use crate::domain::{message::Version, resource::Kind};

/// A current resource.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) version: i64,
    pub(crate) spec: Map<String, Json>,
    /// The name was used before and may be used again; its versions go on counting.
    pub(crate) deleted: bool,
}

/// The resources of these names, deleted ones included.
pub(crate) async fn find(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    names: &[(Kind, &str)],
) -> Result<HashMap<(Kind, String), Resource>, Error> {
    let wanted = Rows::new(names.len())
        .texts("r_kind", names.iter().map(|(kind, _)| kind.name()))
        .texts("r_name", names.iter().map(|(_, name)| *name));
    let rows = Sql::new(
        "select c.kind, c.name, c.version, c.deleted, v.spec from resources as c
         join resource_versions as v on v.project_id = c.project_id and v.kind = c.kind and v.name = c.name
           and v.version = c.version
         where c.project_id = {project} and (c.kind, c.name) in (select r.r_kind, r.r_name from {wanted} as r)",
    )
    .bind("project", project)
    .rows("wanted", wanted)
    .all(conn)
    .await?;
    let resources = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(resources
        .into_iter()
        .map(|it| ((it.kind, it.name.clone()), it))
        .collect())
}

/// The resources of a kind by name; `name` narrows it to one.
pub(crate) async fn list(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    kind: Kind,
    name: &str,
) -> Result<Vec<Resource>, Error> {
    if is_nobodys(name) {
        return Ok(Vec::new());
    }
    let rows = Sql::new(
        "select c.kind, c.name, c.version, c.deleted, v.spec from resources as c
         join resource_versions as v on v.project_id = c.project_id and v.kind = c.kind and v.name = c.name
           and v.version = c.version
         where c.project_id = {project} and c.kind = {kind} and ({name} = '' or c.name = {name}) and not c.deleted
         order by c.name",
    )
    .bind("project", project)
    .bind("kind", kind.name())
    .bind("name", name)
    .all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// What PostgreSQL cannot hold as text is no name.
fn is_nobodys(name: &str) -> bool {
    name.contains('\0')
}

fn read(row: &sea_orm::QueryResult) -> Result<Resource, Error> {
    let kind: String = row.get("kind")?;
    Ok(Resource {
        kind: Kind::parse(&kind).ok_or_else(|| Error::internal("a resource of another kind"))?,
        name: row.get("name")?,
        version: row.get("version")?,
        spec: object(row.get("spec")?),
        deleted: row.get("deleted")?,
    })
}

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(object) => object,
        _ => Map::new(),
    }
}

/// Writes new versions and makes them current.
pub(crate) async fn put(
    txn: &DatabaseTransaction,
    project: ProjectId,
    resources: &[Resource],
    now: Timestamp,
) -> Result<(), Error> {
    if resources.is_empty() {
        return Ok(());
    }
    let rows = || {
        Rows::new(resources.len())
            .texts("r_kind", resources.iter().map(|it| it.kind.name()))
            .texts("r_name", resources.iter().map(|it| it.name.as_str()))
            .ints("r_version", resources.iter().map(|it| it.version))
    };
    let specs = resources.iter().map(|it| Json::Object(it.spec.clone()));
    Sql::new(
        "insert into resource_versions (project_id, kind, name, version, spec, created_at)
         select {project}, r.r_kind, r.r_name, r.r_version, r.r_spec, {now} from {rows} as r where true",
    )
    .bind("project", project)
    .bind("now", now.micros())
    .rows("rows", rows().json("r_spec", specs))
    .execute(txn)
    .await?;
    Sql::new(
        "insert into resources (project_id, kind, name, version, deleted)
         select {project}, r.r_kind, r.r_name, r.r_version, false from {rows} as r where true
         on conflict (project_id, kind, name) do update set version = excluded.version, deleted = false",
    )
    .bind("project", project)
    .rows("rows", rows())
    .execute(txn)
    .await
    .map(drop)
}

/// Takes a name away. Messages taken over before keep their version.
pub(crate) async fn delete(
    txn: &DatabaseTransaction,
    project: ProjectId,
    kind: Kind,
    name: &str,
) -> Result<bool, Error> {
    if is_nobodys(name) {
        return Ok(false);
    }
    let touched = Sql::new(
        "update resources set deleted = true
         where project_id = {project} and kind = {kind} and name = {name} and not deleted",
    )
    .bind("project", project)
    .bind("kind", kind.name())
    .bind("name", name)
    .execute(txn)
    .await?;
    Ok(touched > 0)
}

/// The specs of versions, whichever is current.
pub(crate) async fn versions(
    conn: &impl ConnectionTrait,
    kind: Kind,
    versions: &[(ProjectId, Version)],
) -> Result<Vec<(ProjectId, Version, Map<String, Json>)>, Error> {
    let wanted = Rows::new(versions.len())
        .uuids("r_project", versions.iter().map(|(project, _)| *project))
        .texts("r_name", versions.iter().map(|(_, it)| it.name.as_str()))
        .ints("r_version", versions.iter().map(|(_, it)| it.version));
    let rows = Sql::new(
        "select project_id, name, version, spec from resource_versions
         join {wanted} as r on project_id = r.r_project and name = r.r_name and version = r.r_version
         where kind = {kind}",
    )
    .bind("kind", kind.name())
    .rows("wanted", wanted)
    .all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let version = Version {
                name: row.get("name")?,
                version: row.get("version")?,
            };
            Ok((row.get("project_id")?, version, object(row.get("spec")?)))
        })
        .collect()
}
