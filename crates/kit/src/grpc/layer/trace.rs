use std::convert::Infallible;

use http::{Request, Response};
use tonic::body::Body;
use tower::ServiceExt;
use tracing::Instrument;

use crate::{
    grpc::{Service, context::Context, layer::deadline, span::Call},
    trace::TraceContext,
};

/// Reads or begins the trace, opens the spans, and sets the context that outgoing calls inherit.
pub(super) async fn layer(request: Request<Body>, inner: Service) -> Result<Response<Body>, Infallible> {
    let given = request.headers().get("traceparent");
    let caller = given.and_then(|value| TraceContext::parse(value.to_str().ok()?));
    let (mut call, trace) = Call::served(request.uri().path(), caller);
    let span = tracing::info_span!("rpc", rpc.method = request.uri().path(), trace.id = %trace.trace_id());
    let context = Context {
        deadline: Some(deadline::of(&request)),
        trace,
    };
    let Ok(response) = context.scope(inner.oneshot(request)).instrument(span).await;
    call.answered(&response);
    Ok(response)
}
