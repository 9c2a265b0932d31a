use chappe_kit::{Error, grpc::caller::project_of};
use chappe_proto::profile as pb;
use tonic::Request;

use crate::{App, store};

pub(super) async fn handle(app: &App, request: &Request<pb::GetCountsRequest>) -> Result<pb::GetCountsResponse, Error> {
    let project = project_of(request)?;
    Ok(pb::GetCountsResponse {
        profiles: store::profile::count(app.db.read(), project).await?,
        events: store::event::count(app.db.read(), project).await?,
    })
}
