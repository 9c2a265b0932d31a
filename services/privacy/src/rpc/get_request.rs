//! A request is read.

use chappe_ids::RequestId;
use chappe_kit::{Error, grpc::caller::project_of};
use chappe_proto::privacy as pb;

use super::convert;
use crate::{app::App, store};

pub(super) async fn handle(
    app: &App,
    request: &tonic::Request<pb::GetRequestRequest>,
) -> Result<pb::GetRequestResponse, Error> {
    let project = project_of(request)?;
    let unknown = || Error::not_found("privacy request");
    let id: RequestId = request.get_ref().request_id.parse().map_err(|_| unknown())?;
    let found = store::request::get(app.db.read(), project, id)
        .await?
        .ok_or_else(unknown)?;
    let reports = store::participant::of_request(app.db.read(), project, id).await?;
    let now = app.runtime.clock.now();
    Ok(pb::GetRequestResponse {
        request: Some(convert::request(app, project, found, reports, now)),
    })
}
