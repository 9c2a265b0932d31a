//! The error on the wire: a gRPC status with `google.rpc` details, and back.

use std::collections::HashMap;

use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use super::{DOMAIN, Error, ErrorKind, Violation};

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let mut details = ErrorDetails::with_error_info(error.reason(), DOMAIN, HashMap::<String, String>::new());
        if !error.violations().is_empty() {
            let violations: Vec<_> = error
                .violations()
                .iter()
                .map(|v| tonic_types::FieldViolation::new(&v.field, &v.description))
                .collect();
            details.set_bad_request(violations);
        }
        if let Some(after) = error.retry_delay() {
            details.set_retry_info(Some(after));
        }
        let mut status = Self::with_error_details(error.kind().code(), error.message(), details);
        status.set_source(std::sync::Arc::new(error));
        status
    }
}

impl From<Status> for Error {
    /// What a peer said. A sentence of our own is passed on: it is safe by the same rule there as here. Any
    /// other is replaced where it speaks of the peer instead of the request.
    fn from(status: Status) -> Self {
        let kind = ErrorKind::from_code(status.code());
        let details = status.get_error_details();
        let ours = details.error_info().is_some_and(|info| info.domain == DOMAIN);
        let violations = details.bad_request().map_or_else(Vec::new, |bad| {
            let field = |v: &tonic_types::FieldViolation| Violation {
                field: v.field.clone(),
                description: v.description.clone(),
            };
            bad.field_violations.iter().map(field).collect()
        });
        let retry_after = details.retry_info().and_then(|info| info.retry_delay);
        let message = status.message().to_owned();
        let mut error = match kind {
            ErrorKind::Internal => Self::internal(status),
            // Not about the caller's key but about ours: keys or clocks of the mesh differ, until somebody mends them.
            ErrorKind::Unauthenticated if reason_of(&details, kind) != "KEY_INVALID" => Self::unavailable(status),
            ErrorKind::Unavailable if !ours => Self::unavailable(status),
            _ => Self::new(kind, reason_of(&details, kind), message).because(status),
        };
        error.0.violations = violations;
        error.0.retry_after = retry_after.or(error.0.retry_after);
        error
    }
}

/// The peer's reason where it is one of those that callers act upon, else the kind's own.
fn reason_of(details: &ErrorDetails, kind: ErrorKind) -> &'static str {
    const PASSED_ON: [&str; 7] = [
        "INVALID_FIELD",
        "NOT_FOUND",
        "IDEMPOTENCY_KEY_REUSED",
        "IDEMPOTENCY_KEY_BUSY",
        "KEY_INVALID",
        "OVERLOADED",
        "STORAGE_FULL",
    ];
    let reason = details.error_info().map_or("", |info| info.reason.as_str());
    PASSED_ON
        .into_iter()
        .find(|known| *known == reason)
        .unwrap_or(match kind {
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
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_wire() {
        let sent = Error::invalid_field("items[2].identifiers", "is missing");
        let received = Error::from(Status::from(sent));
        assert_eq!(received.kind(), ErrorKind::InvalidArgument);
        assert_eq!(received.reason(), "INVALID_FIELD");
        assert_eq!(received.violations()[0].field, "items[2].identifiers");
    }

    #[test]
    fn the_cause_stays_inside() {
        let status = Status::from(Error::internal("insert into profiles values ('ada@example.org')"));
        assert_eq!(status.message(), "an unexpected error occurred");
        assert!(!String::from_utf8_lossy(status.details()).contains("ada"));
    }

    #[test]
    fn a_peer_that_does_not_know_us_is_not_the_callers_fault() {
        let received = |reason| {
            let refused = Error::new(ErrorKind::Unauthenticated, reason, "the token of the call has expired");
            Error::from(Status::from(refused)).kind()
        };
        assert_eq!(received("CLOCKS_DIFFER"), ErrorKind::Unavailable);
        assert_eq!(received("KEY_INVALID"), ErrorKind::Unauthenticated);
    }

    #[test]
    fn an_unavailable_service_says_when_to_come_back() {
        let error = Error::from(Status::from(Error::unavailable("connection refused")));
        assert_eq!(error.retry_delay(), Some(super::super::RETRY_UNAVAILABLE));
    }
}
