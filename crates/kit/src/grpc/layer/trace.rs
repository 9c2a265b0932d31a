use std::convert::Infallible;

use http::{Request, Response};
use tonic::body::Body;
use tower::ServiceExt;
use tracing::Instrument;

use crate::grpc::{Service, context::Context, layer::deadline};

/// Reads or begins the trace, opens the span, and sets the context that outgoing calls inherit.
pub(super) async fn layer(request: Request<Body>, inner: Service) -> Result<Response<Body>, Infallible> {
    let traceparent = request
        .headers()
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
        .filter(|value| value.len() == TRACEPARENT_LENGTH)
        .map_or_else(begin, ToOwned::to_owned);
    let trace_id = traceparent.get(3..35).unwrap_or_default().to_owned();
    let span = tracing::info_span!("rpc", rpc.method = request.uri().path(), trace.id = trace_id);
    let context = Context {
        deadline: deadline::of(&request),
        traceparent,
    };
    context.scope(inner.oneshot(request)).instrument(span).await
}

/// Length of a version 00 traceparent (W3C Trace Context §3.2).
const TRACEPARENT_LENGTH: usize = 55;

/// A fresh trace: random trace id and span id, sampled.
fn begin() -> String {
    let (trace, span) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let span = &span.simple().to_string()[..16];
    format!("00-{}-{span}-01", trace.simple())
}
