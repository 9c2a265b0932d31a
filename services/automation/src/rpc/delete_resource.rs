use chappe_ids::LANES;
use chappe_kit::{Error, grpc::caller::project_of};
use chappe_proto::types::{DeleteResourceRequest, DeleteResourceResponse};
use tonic::Request;

use super::require_kind;
use crate::{
    app::App,
    job::OUTBOX,
    store::{definitions, entries, lanes, messages},
};

pub(super) async fn handle(
    app: &App,
    request: Request<DeleteResourceRequest>,
) -> Result<DeleteResourceResponse, Error> {
    let project = project_of(&request)?;
    let DeleteResourceRequest { kind, name } = request.into_inner();
    require_kind(&kind)?;
    let now = app.now();
    let _turn = app.between_batches().await;
    app.db
        .write(async |txn| {
            lanes::lock(txn, 0..LANES).await?;
            let automations = definitions::current(txn, &[project]).await?;
            let automation = automations
                .iter()
                .find(|automation| automation.name == name)
                .ok_or_else(|| Error::not_found("automation"))?;
            let live = entries::live_in(txn, project, automation.id).await?;
            let live: Vec<_> = live.into_iter().map(|entry| (project, entry)).collect();
            let vanished = messages::withdraw(txn, now, &live).await?;
            let vanished: Vec<_> = vanished
                .into_iter()
                .map(|(entry, count)| (project, entry, count))
                .collect();
            entries::give_back(txn, &vanished).await?;
            entries::end_all(txn, project, automation.id, now).await?;
            definitions::delete(txn, project, automation.id).await
        })
        .await?;
    app.coordination.hints.notify(OUTBOX);
    Ok(DeleteResourceResponse {})
}
