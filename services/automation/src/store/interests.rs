//! The event names that profile-store was last told.

use std::collections::BTreeSet;

use chappe_ids::ProjectId;
use chappe_kit::Error;
use chappe_store::{RowExt as _, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::Value as Json;

/// What was told, by project, of every project that has an automation or ever told something.
pub(crate) async fn all(conn: &impl ConnectionTrait) -> Result<Vec<(ProjectId, BTreeSet<String>)>, Error> {
    let rows = Sql::new(
        "select p.project_id, i.event_names
         from (select project_id from automations union select project_id from interests) p
         left join interests i on i.project_id = p.project_id order by p.project_id",
    )
    .all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let names = row
                .get::<Option<Json>>("event_names")?
                .unwrap_or(Json::Array(Vec::new()));
            let names = serde_json::from_value(names).map_err(Error::internal)?;
            Ok((row.get("project_id")?, names))
        })
        .collect()
}

/// Notes what was told.
pub(crate) async fn put(txn: &DatabaseTransaction, project: ProjectId, names: &BTreeSet<String>) -> Result<(), Error> {
    let names = serde_json::to_value(names).map_err(Error::internal)?;
    Sql::new(
        "insert into interests (project_id, event_names) values ({project}, {names})
         on conflict (project_id) do update set event_names = excluded.event_names",
    )
    .bind("project", project)
    .bind("names", names)
    .execute(txn)
    .await
    .map(drop)
}
