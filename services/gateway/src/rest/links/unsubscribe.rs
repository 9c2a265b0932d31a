//! `/u/{token}`: the opt-out. Only POST changes something, so that scanners of links opt nobody out.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, header},
    response::{IntoResponse, Response},
};
use chappe_proto::email::HitKind;

use crate::{
    App, body,
    rest::{Answer, Params},
};

const ASK: &str = include_str!("unsubscribe.html");
const DONE: &str = include_str!("unsubscribed.html");

/// `GET`: a page with a button.
pub(super) async fn page(State(app): State<Arc<App>>, Params(token): Params<String>, headers: HeaderMap) -> Answer {
    super::record(&app, HitKind::Unsubscribe, token, true, &headers).await?;
    Ok(html(ASK))
}

/// `POST`: what the button sends, and mail programs by themselves (RFC 8058).
pub(super) async fn handle(State(app): State<Arc<App>>, Params(token): Params<String>, request: Request) -> Answer {
    let (parts, content) = request.into_parts();
    // Whatever the body says, the token has said it.
    body::discard(content).await;
    super::record(&app, HitKind::Unsubscribe, token, false, &parts.headers).await?;
    Ok(html(DONE))
}

fn html(page: &'static str) -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; \
                  frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    (headers, page).into_response()
}
