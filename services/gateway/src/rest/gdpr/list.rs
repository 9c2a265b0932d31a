//! `GET …/gdpr/requests`.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use chappe_kit::{Error, grpc::call};
use chappe_proto::privacy::ListRequestsRequest;

use super::object;
use crate::{
    App, auth,
    rest::{Answer, Params, answer, base_url},
};

pub(super) async fn handle(State(app): State<Arc<App>>, Params(app_key): Params<String>, headers: HeaderMap) -> Answer {
    let project = auth::project_of_app(&app, &headers, &app_key).await?;
    let listed = app
        .peers
        .privacy
        .clone()
        .list_requests(call(project, ListRequestsRequest {}))
        .await;
    let requests = listed.map_err(Error::from)?.into_inner().requests;
    let base_url = base_url(&app, &headers);
    let objects: Vec<_> = requests.iter().map(|request| object::of(request, &base_url)).collect();
    Ok(answer(StatusCode::OK, &objects))
}
