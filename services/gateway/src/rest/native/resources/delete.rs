//! `DELETE /chappe/v1/resources/{kind}/{name}`.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use chappe_ids::ProjectId;
use chappe_kit::{Error, ErrorKind, grpc::call};
use chappe_proto::types::DeleteResourceRequest;
use serde_json::json;

use super::{Kind, existing, kind_of_path, references};
use crate::{
    App,
    rest::{Answer, Params, answer, native::admit_reader},
};

pub(in crate::rest::native) async fn handle(
    State(app): State<Arc<App>>,
    Params((kind, name)): Params<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let project = admit_reader(&app, &headers).await?;
    let kind = kind_of_path(&kind)?;
    let request = DeleteResourceRequest {
        kind: kind.name().to_owned(),
        name,
    };
    macro_rules! delete {
        ($owner:ident) => {
            app.peers
                .$owner
                .clone()
                .delete_resource(call(project, request))
                .await
                .map_err(Error::from)?
        };
    }
    if let Some(key) = kind.referred_to_as() {
        refuse_in_use(&app, project, &request, key).await?;
    }
    match kind {
        Kind::Project => {
            let message = "a Project cannot be deleted";
            return Err(Error::new(ErrorKind::PermissionDenied, "NOT_DELETABLE", message).into());
        }
        Kind::Sender | Kind::Template => delete!(email_sender),
        Kind::Automation => delete!(automation),
    };
    Ok(answer(StatusCode::OK, &json!({})))
}

/// What an automation sends or sends from cannot be taken away from it: its messages would have nowhere to go.
async fn refuse_in_use(app: &App, project: ProjectId, request: &DeleteResourceRequest, key: &str) -> Result<(), Error> {
    let DeleteResourceRequest { kind, name } = request;
    for automation in existing(app, project, Kind::Automation, "").await? {
        let spec = automation
            .spec
            .as_ref()
            .map(chappe_proto::from_struct)
            .unwrap_or_default();
        if references::refers(&spec, key, name) {
            let user = automation.name;
            let message = format!(
                "the Automation {user} sends with the {kind} {name}: apply {user} without it, or delete {user} first"
            );
            return Err(Error::new(
                ErrorKind::FailedPrecondition,
                "FAILED_PRECONDITION",
                message,
            ));
        }
    }
    Ok(())
}
