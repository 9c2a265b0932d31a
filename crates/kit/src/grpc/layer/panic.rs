use std::{convert::Infallible, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use http::{Request, Response};
use tonic::{Status, body::Body};
use tower::ServiceExt;

use crate::{Error, grpc::Service};

/// Turns a panic of a handler into `INTERNAL`.
pub(super) async fn layer(request: Request<Body>, inner: Service) -> Result<Response<Body>, Infallible> {
    if let Ok(response) = AssertUnwindSafe(inner.oneshot(request)).catch_unwind().await {
        return response;
    }
    ::metrics::counter!("chappe_rpc_panics_total").increment(1);
    tracing::error!("a handler panicked");
    Ok(Status::from(Error::internal("a handler panicked")).into_http())
}
