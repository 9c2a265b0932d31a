//! The span of a call, at either end of it.

use chappe_proto::edges::EDGES;
use http::Response;
use tonic::{Code, body::Body};

use super::layer::{code_of, name_of};
use crate::trace::{Kind, Span, TraceContext};

/// A call until it is answered; one that is dropped before was cancelled. A stream ends with its head.
pub(super) struct Call {
    span: Span,
    kind: Kind,
    code: Code,
}

impl Call {
    /// A call that is served, and the context of everything done for it. What is no method of the mesh has no span:
    /// strangers must not name spans.
    pub(super) fn served(path: &str, caller: Option<TraceContext>) -> (Self, TraceContext) {
        let method = path.trim_start_matches('/');
        if Span::are_recorded() && EDGES.iter().any(|edge| edge.method == method) {
            let (span, trace) = Span::enter(Kind::Server, method, caller);
            return (Self::new(span, Kind::Server, method), trace);
        }
        let none = Self::new(Span::default(), Kind::Server, method);
        (none, caller.unwrap_or_else(TraceContext::unsampled))
    }

    /// A call to a peer, with all its tries, and the context to send.
    pub(super) fn made(path: &str, caller: TraceContext) -> (Self, TraceContext) {
        let method = path.trim_start_matches('/');
        let span = Span::child(Kind::Client, method, caller);
        let trace = span.context().unwrap_or(caller);
        (Self::new(span, Kind::Client, method), trace)
    }

    fn new(span: Span, kind: Kind, method: &str) -> Self {
        if span.is_recording() {
            let (service, method) = method.split_once('/').unwrap_or((method, ""));
            span.set("rpc.system", "grpc");
            span.set("rpc.service", service);
            span.set("rpc.method", method);
        }
        Self {
            span,
            kind,
            code: Code::Cancelled,
        }
    }

    pub(super) fn answered(&mut self, response: &Response<Body>) {
        if self.span.is_recording() {
            self.code = code_of(response);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.span.count("rpc.grpc.status_code", i32::from(self.code));
        if is_failure(&self.kind, self.code) {
            self.span.fail(name_of(self.code));
        }
    }
}

/// What a server answers to a wrong request is no failure of its own (semantic conventions of gRPC, "gRPC status").
fn is_failure(kind: &Kind, code: Code) -> bool {
    match code {
        Code::Ok => false,
        Code::Unknown
        | Code::DeadlineExceeded
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => true,
        _ => *kind == Kind::Client,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_failure_of_the_caller_alone() {
        for (code, client, server) in [
            (Code::Ok, false, false),
            (Code::InvalidArgument, true, false),
            (Code::Cancelled, true, false),
            (Code::Unavailable, true, true),
            (Code::DeadlineExceeded, true, true),
        ] {
            assert_eq!(is_failure(&Kind::Client, code), client, "{code:?}");
            assert_eq!(is_failure(&Kind::Server, code), server, "{code:?}");
        }
    }
}
