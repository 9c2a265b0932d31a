//! `DELETE /chappe/v1/resources/{kind}/{name}`.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use chappe_kit::{
    Error, ErrorKind,
    grpc::{call, retrying},
};
use chappe_proto::types::DeleteResourceRequest;
use serde_json::json;

use super::{Kind, kind_of_path};
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
            retrying(|| {
                let (mut owner, request) = (app.peers.$owner.clone(), request.clone());
                async move { owner.delete_resource(call(project, request)).await }
            })
            .await?
        };
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
