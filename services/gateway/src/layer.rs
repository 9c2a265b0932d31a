//! What surrounds every handler.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chappe_kit::{
    Error, ErrorKind, IdGen, Lifecycle,
    grpc::context::Context,
    trace::{Kind, Span, TraceContext},
};
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;

use crate::{
    App,
    failure::{Failure, Line},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over.
const MAX_REQUEST_ID: usize = 64;

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
    let given = request.headers().get("traceparent");
    let caller = given.and_then(|value| TraceContext::parse(value.to_str().ok()?));
    let (traced, trace) = Span::enter(Kind::Server, format_args!("{} {route}", known(&method)), caller);
    let span = tracing::info_span!("rest", http.route = route, trace.id = %trace.trace_id());

    let mut response = async move {
        AssertUnwindSafe(next.run(with_trace(request, trace)))
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
    describe(&traced, &method, &route, status);
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

fn with_trace(mut request: Request, trace: TraceContext) -> Request {
    request.extensions_mut().insert(trace);
    request
}

/// By the semantic conventions of HTTP servers: a wrong request is no failure of ours.
fn describe(span: &Span, method: &Method, route: &str, status: StatusCode) {
    span.set("http.request.method", known(method));
    span.set("http.route", route);
    span.count("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.fail(status.as_u16());
    }
}

/// Strangers may write any word there.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS => {
            method.as_str()
        }
        _ => "_OTHER",
    }
}

/// Ends a request when its time is up, and hands what is left on to the peers.
pub(crate) async fn bounded(State(patience): State<Duration>, request: Request, next: Next) -> Response {
    let deadline = Instant::now() + patience;
    let trace = request.extensions().get::<TraceContext>().copied();
    let context = Context {
        deadline: Some(deadline),
        trace: trace.unwrap_or_else(TraceContext::unsampled),
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

/// Tells clients to come back over a connection of their own while this process is about to end: HTTP/1.1 has no other way
/// to say so (RFC 9112 §9.6), and HTTP/2 says it by itself.
pub(crate) async fn draining(State(lifecycle): State<Lifecycle>, request: Request, next: Next) -> Response {
    let is_old = request.version() < Version::HTTP_2;
    let mut response = next.run(request).await;
    if is_old && lifecycle.is_draining() {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The client's own id where it is fit to be repeated, else a fresh one.
fn request_id(headers: &HeaderMap, ids: &IdGen) -> HeaderValue {
    let visible =
        |id: &&HeaderValue| (1..=MAX_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    headers.get(REQUEST_ID).filter(visible).cloned().unwrap_or_else(|| {
        HeaderValue::try_from(ids.uuid().to_string()).unwrap_or_else(|_| HeaderValue::from_static("-"))
    })
}
