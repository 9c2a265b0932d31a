//! What goes wrong, in the words of each line of the API. Nothing else writes an error.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chappe_kit::{Error, ErrorKind};
use serde_json::{Value as Json, json};

use crate::rest::answer;

const MISSING_PARAMETER: &str = "MISSING_PARAMETER";
const MALFORMED_PARAMETER: &str = "MALFORMED_PARAMETER";
const MALFORMED_JSON_BODY: &str = "MALFORMED_JSON_BODY";
const IDEMPOTENCY_KEY_BUSY: &str = "IDEMPOTENCY_KEY_BUSY";

/// Seconds after which to come back when a service is away; later when it says so itself.
const RETRY_UNAVAILABLE: u64 = 5;

/// A failed request. As a response it has no body yet: the outermost layer knows the line and writes it.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Error,
    /// Where there is more to say than one sentence; only the native line has room for it.
    details: Vec<Json>,
}

impl Failure {
    /// With details for the native line.
    pub(crate) fn with_details(error: Error, details: Vec<Json>) -> Self {
        Self { error, details }
    }

    /// No such route; also a known path with another method.
    pub(crate) fn no_route() -> Self {
        Error::not_found("route").into()
    }

    /// Logs the failure at the level of its kind.
    pub(crate) fn log(&self) {
        self.error.log("a request");
    }

    /// The answer in the words of a line.
    pub(crate) fn answer(&self, line: Line) -> Response {
        let entry = Entry::of(&self.error);
        let mut response = match line {
            Line::Project => answer(
                entry.status,
                &json!({"error_code": entry.symbol, "error_message": entry.text(&self.error)}),
            ),
            Line::App => answer(
                entry.status,
                &json!({"code": entry.number, "message": entry.text(&self.error)}),
            ),
            Line::Native => self.native(),
            Line::Link => link(entry.status),
        };
        let wait = match (response.status(), self.error.retry_delay()) {
            (StatusCode::SERVICE_UNAVAILABLE, delay) => Some(delay.map_or(0, whole_seconds).max(RETRY_UNAVAILABLE)),
            (StatusCode::TOO_MANY_REQUESTS, None) => Some(1),
            (_, delay) => delay.map(whole_seconds),
        };
        let headers = response.headers_mut();
        if let Some(wait) = wait {
            headers.insert(header::RETRY_AFTER, wait.into());
        }
        if entry.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    fn native(&self) -> Response {
        let kind = self.error.kind();
        let status = StatusCode::from_u16(kind.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut details = self.details.clone();
        let violations = self.error.violations().iter();
        details.extend(violations.map(|it| json!({"field": it.field, "message": it.description})));
        let error = json!({
            "code": status.as_u16(),
            "status": status_name(kind),
            "reason": self.error.reason(),
            "message": self.error.message(),
            "details": details,
        });
        answer(status, &json!({"error": error}))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::with_details(error, Vec::new())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Links are opened by people and their mail programs: no JSON, and nothing about why.
fn link(status: StatusCode) -> Response {
    let text = if status == StatusCode::NOT_FOUND {
        ""
    } else {
        "This does not work right now. Please try again in a few minutes.\n"
    };
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, text).into_response()
}

/// A required parameter that is not there.
pub(crate) fn missing(path: &str) -> Error {
    Error::invalid(MISSING_PARAMETER, format!("missing parameter: {path}"))
}

/// A parameter of the wrong type, bound or format.
pub(crate) fn malformed(path: &str, why: &str) -> Error {
    Error::invalid(MALFORMED_PARAMETER, format!("malformed parameter: {path}: {why}"))
}

/// A body that is not JSON.
pub(crate) fn malformed_json() -> Error {
    Error::invalid(MALFORMED_JSON_BODY, "malformed JSON body")
}

/// A body above the limit of its route.
pub(crate) fn too_large() -> Error {
    Error::invalid(MALFORMED_PARAMETER, "request body too large")
}

/// No credential, or a wrong one: the answer says no more.
pub(crate) fn unauthenticated() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "KEY_INVALID",
        "invalid REST API key or project",
    )
}

/// A line of the API: what its errors look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// 2.x, and whatever belongs to no other.
    Project,
    /// 1.x.
    App,
    /// `/chappe/v1`.
    Native,
    /// Links in e-mails.
    Link,
}

impl Line {
    /// The line of a path.
    pub(crate) fn of(path: &str) -> Self {
        let below = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
        if below(&["/1."]) {
            Self::App
        } else if below(&["/chappe/"]) {
            Self::Native
        } else if below(&["/u/", "/c/", "/o/"]) {
            Self::Link
        } else {
            Self::Project
        }
    }
}

/// A row of the catalogue that 1.x and 2.x share.
struct Entry {
    symbol: &'static str,
    number: u8,
    status: StatusCode,
}

impl Entry {
    fn of(error: &Error) -> Self {
        let (symbol, number, status) = match (error.kind(), error.reason()) {
            (ErrorKind::InvalidArgument, MISSING_PARAMETER) => (MISSING_PARAMETER, 30, StatusCode::BAD_REQUEST),
            (ErrorKind::InvalidArgument, MALFORMED_JSON_BODY) => (MALFORMED_JSON_BODY, 32, StatusCode::BAD_REQUEST),
            (ErrorKind::InvalidArgument, _) => (MALFORMED_PARAMETER, 31, StatusCode::BAD_REQUEST),
            (ErrorKind::Unauthenticated, _) => ("AUTHENTICATION_INVALID", 10, StatusCode::UNAUTHORIZED),
            (ErrorKind::PermissionDenied | ErrorKind::FailedPrecondition, _) => {
                ("API_MISUSE", 12, StatusCode::FORBIDDEN)
            }
            (ErrorKind::NotFound, _) => ("ROUTE_NOT_FOUND", 20, StatusCode::NOT_FOUND),
            (ErrorKind::ResourceExhausted, _) | (ErrorKind::Aborted, IDEMPOTENCY_KEY_BUSY) => {
                ("TOO_MANY_REQUESTS", 60, StatusCode::TOO_MANY_REQUESTS)
            }
            // Whatever a repetition may mend.
            (ErrorKind::Unavailable | ErrorKind::DeadlineExceeded | ErrorKind::Aborted, _) => {
                ("MAINTENANCE_ERROR", 2, StatusCode::SERVICE_UNAVAILABLE)
            }
            (ErrorKind::AlreadyExists | ErrorKind::Internal, _) => {
                ("SERVER_ERROR", 1, StatusCode::INTERNAL_SERVER_ERROR)
            }
        };
        Self { symbol, number, status }
    }

    /// The catalogue's own sentence, except where it has to name a parameter, a rule or a thing.
    fn text(&self, error: &Error) -> String {
        let text = match self.number {
            1 => "unexpected error",
            2 => "service temporarily unavailable",
            10 => "invalid REST API key or project",
            31 if error.reason() != MALFORMED_PARAMETER => {
                // What a peer found wrong with the request.
                return format!("malformed parameter: {}", error.message());
            }
            60 => "too many requests",
            _ => error.message(),
        };
        text.to_owned()
    }
}

/// Rounded up, and never zero: `Retry-After` has no smaller unit.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// Name of a kind as gRPC spells its code.
fn status_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidArgument => "INVALID_ARGUMENT",
        ErrorKind::Unauthenticated => "UNAUTHENTICATED",
        ErrorKind::PermissionDenied => "PERMISSION_DENIED",
        ErrorKind::NotFound => "NOT_FOUND",
        ErrorKind::AlreadyExists => "ALREADY_EXISTS",
        ErrorKind::FailedPrecondition => "FAILED_PRECONDITION",
        ErrorKind::Aborted => "ABORTED",
        ErrorKind::ResourceExhausted => "RESOURCE_EXHAUSTED",
        ErrorKind::DeadlineExceeded => "DEADLINE_EXCEEDED",
        ErrorKind::Unavailable => "UNAVAILABLE",
        ErrorKind::Internal => "INTERNAL",
    }
}
