//! Lists senders or templates.

use chappe_ids::ProjectId;
use chappe_kit::Error;
use chappe_proto::types::{ListResourcesRequest, ListResourcesResponse};

use super::convert;
use crate::{app::App, store};

pub(super) async fn list(
    app: &App,
    project: ProjectId,
    request: ListResourcesRequest,
) -> Result<ListResourcesResponse, Error> {
    let kind = convert::kind(&request.kind)?;
    let resources = store::resource::list(app.db.read(), project, kind, &request.name).await?;
    Ok(ListResourcesResponse {
        resources: resources.into_iter().map(convert::resource).collect(),
    })
}
