use std::collections::BTreeSet;

use chappe_ids::ProjectId;
use chappe_kit::Error;
use chappe_store::{Rows, Sql};
use sea_orm::DatabaseTransaction;

/// Replaces the names of the events that automations of the project care about.
pub(crate) async fn replace(
    txn: &DatabaseTransaction,
    project: ProjectId,
    names: &BTreeSet<String>,
) -> Result<(), Error> {
    let rows = || Rows::new(names.len()).texts("name", names);
    Sql::new("delete from interests where project_id = {project} and name not in (select r.name from {rows} as r)")
        .bind("project", project)
        .rows("rows", rows())
        .execute(txn)
        .await?;
    Sql::new(
        "insert into interests (project_id, name) select {project}, r.name from {rows} as r where true
         on conflict (project_id, name) do nothing",
    )
    .bind("project", project)
    .rows("rows", rows())
    .execute(txn)
    .await?;
    Ok(())
}
