//! Deletes a sender or template.

use chappe_ids::ProjectId;
use chappe_kit::Error;
use chappe_proto::types::{DeleteResourceRequest, DeleteResourceResponse};

use super::convert;
use crate::{app::App, store};

pub(super) async fn delete(
    app: &App,
    project: ProjectId,
    request: DeleteResourceRequest,
) -> Result<DeleteResourceResponse, Error> {
    let kind = convert::kind(&request.kind)?;
    let name = &request.name;
    let deleted = app
        .db
        .write(async |txn| store::resource::delete(txn, project, kind, name).await)
        .await?;
    if deleted {
        Ok(DeleteResourceResponse {})
    } else {
        Err(Error::not_found(&format!("{} {name}", kind.name())))
    }
}
