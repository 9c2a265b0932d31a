//! What surrounds every handler.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chappe_kit::{Error, ErrorKind, IdGen, grpc::context::Context};
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    App,
    failure::{Failure, Line},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over.
const MAX_REQUEST_ID: usize = 64;
/// Length of a version 00 traceparent (W3C Trace Context §3.2).
const TRACEPARENT_LENGTH: usize = 55;

/// Names the request, catches panics, words failures, counts and logs. Only the route's template is counted and
/// logged: paths and queries hold tokens and ids of people.
pub(crate) async fn outermost(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let line = Line::of(request.uri().path());
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched
        .map_or("unmatched", |path| path.as_str().trim_end_matches('/'))
        .to_owned();
    let id = request_id(request.headers(), &app.runtime.ids);
    let traceparent = traceparent(request.headers());
    let span = tracing::info_span!("rest", http.route = route, trace.id = &traceparent[3..35]);

    let mut response = async move {
        AssertUnwindSafe(next.run(with_traceparent(request, traceparent)))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Failure::from(Error::internal("a handler panicked")).into_response())
    }
    .instrument(span)
    .await;

    if let Some(failure) = response.extensions_mut().remove::<Arc<Failure>>() {
        failure.log();
        let headers = std::mem::take(response.headers_mut());
        response = failure.answer(line);
        response.headers_mut().extend(headers);
    }
    response.headers_mut().insert(REQUEST_ID, id);
    let (status, seconds) = (response.status(), began.elapsed().as_secs_f64());
    tracing::debug!(
        http.route = route,
        http.status = status.as_u16(),
        seconds,
        "{method} {route} was answered"
    );
    metrics::histogram!("chappe_gateway_request_seconds", "route" => route.clone()).record(seconds);
    metrics::counter!("chappe_gateway_requests_total", "route" => route, "status" => status.as_str().to_owned())
        .increment(1);
    response
}

/// The trace of a request, for the calls made while it is handled.
#[derive(Clone)]
struct Trace(String);

fn with_traceparent(mut request: Request, traceparent: String) -> Request {
    request.extensions_mut().insert(Trace(traceparent));
    request
}

/// Ends a request when its time is up, and hands what is left on to the peers.
pub(crate) async fn bounded(State(patience): State<Duration>, request: Request, next: Next) -> Response {
    let deadline = Instant::now() + patience;
    let trace = request.extensions().get::<Trace>();
    let context = Context {
        deadline,
        traceparent: trace.map(|trace| trace.0.clone()).unwrap_or_default(),
    };
    match tokio::time::timeout_at(deadline, context.scope(next.run(request))).await {
        Ok(response) => response,
        Err(_) => Failure::from(Error::new(
            ErrorKind::DeadlineExceeded,
            "DEADLINE_EXCEEDED",
            "the request took too long",
        ))
        .into_response(),
    }
}

/// The client's own id where it is fit to be repeated, else a fresh one.
fn request_id(headers: &HeaderMap, ids: &IdGen) -> HeaderValue {
    let visible =
        |id: &&HeaderValue| (1..=MAX_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    headers.get(REQUEST_ID).filter(visible).cloned().unwrap_or_else(|| {
        HeaderValue::try_from(ids.uuid().to_string()).unwrap_or_else(|_| HeaderValue::from_static("-"))
    })
}

/// The client's trace, or the beginning of one.
fn traceparent(headers: &HeaderMap) -> String {
    let well_formed = |text: &&str| {
        text.len() == TRACEPARENT_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    };
    let given = headers.get("traceparent").and_then(|value| value.to_str().ok());
    given.filter(well_formed).map_or_else(
        || {
            let span = Uuid::new_v4().simple().to_string();
            format!("00-{}-{}-01", Uuid::new_v4().simple(), &span[..16])
        },
        ToOwned::to_owned,
    )
}
