//! An inactivity run is read.

use chappe_ids::RunId;
use chappe_kit::{Error, grpc::caller::project_of};
use chappe_proto::privacy as pb;

use super::convert;
use crate::{app::App, store};

pub(super) async fn handle(
    app: &App,
    request: &tonic::Request<pb::GetInactivityRunRequest>,
) -> Result<pb::GetInactivityRunResponse, Error> {
    let project = project_of(request)?;
    let unknown = || Error::not_found("inactivity run");
    let id: RunId = request.get_ref().run_id.parse().map_err(|_| unknown())?;
    let run = store::run::get(app.db.read(), project, id).await?.ok_or_else(unknown)?;
    Ok(pb::GetInactivityRunResponse {
        run: Some(convert::run(run)),
    })
}
