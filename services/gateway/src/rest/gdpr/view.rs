//! `GET …/gdpr/request/{REQUEST_ID}`.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use chappe_ids::RequestId;
use chappe_kit::{Error, grpc::call};
use chappe_proto::privacy::GetRequestRequest;

use super::object;
use crate::{
    App, auth,
    rest::{Answer, Params, answer, base_url},
};

pub(super) async fn handle(
    State(app): State<Arc<App>>,
    Params((app_key, request_id)): Params<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let project = auth::project_of_app(&app, &headers, &app_key).await?;
    let request_id: RequestId = request_id.parse().map_err(|_| Error::not_found("request"))?;
    let message = GetRequestRequest {
        request_id: request_id.to_string(),
    };
    let found = app.peers.privacy.clone().get_request(call(project, message)).await;
    let request = found.map_err(Error::from)?.into_inner().request;
    let request = request.ok_or_else(|| Error::not_found("request"))?;
    Ok(answer(StatusCode::OK, &object::of(&request, &base_url(&app, &headers))))
}
