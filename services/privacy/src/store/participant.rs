//! What each service has said to a removal so far.

use chappe_ids::{ProjectId, RequestId};
use chappe_kit::Error;
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};

use super::request::Held;
use crate::domain::request::Report;

/// Makes a row for every service that has none yet, also for one that joined while the removal was at work.
pub(crate) async fn ensure(txn: &DatabaseTransaction, held: Held, services: &[&str]) -> Result<(), Error> {
    let places = 0..i64::try_from(services.len()).unwrap_or(i64::MAX);
    Sql::new(
        "insert into participants (project_id, request_id, service, place, blocked, erased, verified,
                                   deleted, retained)
         select {project}, {request}, r.service, r.place, false, false, false, {none}, {nothing}
         from {rows} as r where true
         on conflict (project_id, request_id, service) do nothing",
    )
    .bind("project", held.project)
    .bind("request", held.request)
    .bind("none", serde_json::json!({}))
    .bind("nothing", serde_json::json!([]))
    .rows(
        "rows",
        Rows::new(services.len())
            .texts("service", services.iter().copied())
            .ints("place", places),
    )
    .execute(txn)
    .await?;
    Ok(())
}

/// Overwrites what is known of one service.
pub(crate) async fn save(txn: &DatabaseTransaction, held: Held, report: &Report) -> Result<(), Error> {
    Sql::new(
        "update participants set blocked = {blocked}, erased = {erased}, deleted = {deleted}, retained = {retained}
         where project_id = {project} and request_id = {request} and service = {service}",
    )
    .bind("project", held.project)
    .bind("request", held.request)
    .bind("service", report.service.as_str())
    .bind("blocked", report.blocked)
    .bind("erased", report.erased)
    .bind("deleted", serde_json::Value::Object(report.deleted.clone()))
    .bind("retained", serde_json::json!(report.retained))
    .execute(txn)
    .await?;
    Ok(())
}

/// The removal is about more than the services have blocked and erased: each has to do both again.
pub(crate) async fn begin_anew(txn: &DatabaseTransaction, held: Held) -> Result<(), Error> {
    Sql::new(
        "update participants set blocked = false, erased = false
         where project_id = {project} and request_id = {request}",
    )
    .bind("project", held.project)
    .bind("request", held.request)
    .execute(txn)
    .await?;
    Ok(())
}

/// Every service that has erased has also confirmed that nothing remains.
pub(crate) async fn verified(txn: &DatabaseTransaction, held: Held) -> Result<(), Error> {
    Sql::new(
        "update participants set verified = true
         where project_id = {project} and request_id = {request} and erased",
    )
    .bind("project", held.project)
    .bind("request", held.request)
    .execute(txn)
    .await?;
    Ok(())
}

/// What the services have said to one removal.
pub(crate) async fn of_request(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    request: RequestId,
) -> Result<Vec<Report>, Error> {
    let found = of_requests(conn, project, &[request]).await?;
    Ok(found.into_iter().map(|(_, report)| report).collect())
}

/// What the services have said to these removals.
pub(crate) async fn of_requests(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    requests: &[RequestId],
) -> Result<Vec<(RequestId, Report)>, Error> {
    let found = Sql::new(
        "select p.request_id, p.service, p.blocked, p.erased, p.verified, p.deleted, p.retained
         from participants p
         where p.project_id = {project} and p.request_id in (select r.request_id from {rows} as r)
         order by p.request_id, p.place, p.service",
    )
    .bind("project", project)
    .rows(
        "rows",
        Rows::new(requests.len()).uuids("request_id", requests.iter().copied()),
    )
    .all(conn)
    .await?;
    found
        .iter()
        .map(|row| Ok((row.get("request_id")?, read(row)?)))
        .collect()
}

fn read(row: &QueryResult) -> Result<Report, Error> {
    let (deleted, retained): (serde_json::Value, serde_json::Value) = (row.get("deleted")?, row.get("retained")?);
    Ok(Report {
        service: row.get("service")?,
        blocked: row.get("blocked")?,
        erased: row.get("erased")?,
        verified: row.get("verified")?,
        deleted: serde_json::from_value(deleted).map_err(Error::internal)?,
        retained: serde_json::from_value(retained).map_err(Error::internal)?,
    })
}
