//! `GET /c/{token}`: where a link of a message leads. A `HEAD` is not counted.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::IntoResponse,
};
use chappe_kit::Error;
use chappe_proto::email::HitKind;

use crate::{
    App,
    rest::{Answer, Params},
};

pub(super) async fn handle(
    State(app): State<Arc<App>>,
    Params(token): Params<String>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let target = super::record(&app, HitKind::Click, token, method == Method::HEAD, &headers)
        .await?
        .target_url;
    if !target.starts_with("https://") && !target.starts_with("http://") {
        return Err(Error::not_found("link").into());
    }
    let location = HeaderValue::try_from(target).map_err(Error::internal)?;
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    Ok((StatusCode::FOUND, headers).into_response())
}
