//! A request is made: a row and its audit entry, and a worker that wakes up.

use chappe_ids::RequestId;
use chappe_kit::{Error, grpc::caller::project_of};
use chappe_proto::privacy as pb;

use super::convert;
use crate::{
    app::App,
    domain::{audit::Event, request::Request, target},
    job, store,
};

pub(super) async fn handle(
    app: &App,
    request: tonic::Request<pb::CreateRequestRequest>,
) -> Result<pb::CreateRequestResponse, Error> {
    let project = project_of(&request)?;
    let message = request.into_inner();
    let kind = convert::kind(message.r#type)?;
    let named = target::parse(message.identifier, message.identifier_type, message.identifier_value)
        .map_err(|(field, wrong)| Error::invalid_field(field, wrong))?;

    let now = app.runtime.clock.now();
    let request = Request {
        id: RequestId::from_uuid(app.runtime.ids.uuid()),
        kind,
        created_at: now,
        done_at: None,
        error: String::new(),
        identifier_type: named.identifier_type,
        identifier_value: named.identifier_value,
        target_hash: named.target.hash(&app.keys.subject, project).to_vec(),
        target: Some(named.target),
        profiles: None,
        attempts: 0,
        archive_until: None,
    };
    app.db
        .write(async |txn| {
            store::request::insert(txn, project, &request).await?;
            let record = store::audit::Record {
                at: now,
                event: Event::RequestCreated,
                subject: request.id.as_uuid(),
                target_hash: &request.target_hash,
                detail: serde_json::json!({ "type": kind.name() }),
            };
            store::audit::append(txn, &app.keys.audit, project, record).await
        })
        .await?;
    app.coordination.hints.notify(job::requests::TOPIC);
    Ok(pb::CreateRequestResponse {
        request: Some(convert::request(app, project, request, Vec::new(), now)),
    })
}
