use std::convert::Infallible;

use chappe_proto::edges::EDGES;
use http::{Request, Response};
use tokio::time::Instant;
use tonic::{Code, Status, body::Body};
use tower::ServiceExt;

use crate::grpc::Service;

/// Counts, times and tracks in flight every call.
pub(super) async fn layer(request: Request<Body>, inner: Service) -> Result<Response<Body>, Infallible> {
    let mut call = Call::begin(request.uri().path());
    let Ok(response) = inner.oneshot(request).await;
    call.outcome = name_of(code_of(&response));
    Ok(response)
}

/// The status of a response that failed at once; a stream that began well counts as OK.
pub(in crate::grpc) fn code_of(response: &Response<Body>) -> Code {
    Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
}

/// The name of a code, as the specification of gRPC writes it.
pub(in crate::grpc) fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => CANCELLED,
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Also of a call whose caller went away.
const CANCELLED: &str = "CANCELLED";
/// Stands for every method that is no edge: a stranger must not make up as many series as it likes.
const OTHER: &str = "other";

struct Call {
    method: &'static str,
    outcome: &'static str,
    began: Instant,
}

impl Call {
    fn begin(path: &str) -> Self {
        let method = path.trim_start_matches('/');
        let known = EDGES.iter().find(|edge| edge.method == method);
        ::metrics::gauge!("chappe_rpc_in_flight").increment(1.0);
        Self {
            method: known.map_or(OTHER, |edge| edge.method),
            outcome: CANCELLED,
            began: Instant::now(),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        ::metrics::gauge!("chappe_rpc_in_flight").decrement(1.0);
        ::metrics::histogram!("chappe_rpc_seconds", "method" => self.method).record(self.began.elapsed().as_secs_f64());
        ::metrics::counter!("chappe_rpc_total", "method" => self.method, "code" => self.outcome).increment(1);
    }
}
