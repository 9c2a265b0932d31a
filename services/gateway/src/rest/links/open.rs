//! `GET /o/{token}`: the pixel that tells that a message was opened. A `HEAD` is not counted.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, Method, header},
    response::IntoResponse,
};
use chappe_proto::email::HitKind;

use crate::{
    App,
    rest::{Answer, Params},
};

/// One transparent pixel (`GIF89a`).
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\
    \x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

pub(super) async fn handle(
    State(app): State<Arc<App>>,
    Params(token): Params<String>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    super::record(&app, HitKind::Open, token, method == Method::HEAD, &headers).await?;
    let headers = [(header::CONTENT_TYPE, "image/gif"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, PIXEL).into_response())
}
