use chappe_ids::ProjectId;
use chappe_kit::Error;
use chappe_store::Sql;
use sea_orm::DatabaseTransaction;

/// Gives back an idempotency key whose call was begun in this transaction and is not finished.
pub(crate) async fn release(
    txn: &DatabaseTransaction,
    project: ProjectId,
    scope: &str,
    key: &str,
) -> Result<(), Error> {
    Sql::new(
        "delete from idempotency
         where project_id = {project} and scope = {scope} and key = {key} and response is null",
    )
    .bind("project", project)
    .bind("scope", scope)
    .bind("key", key)
    .execute(txn)
    .await?;
    Ok(())
}
