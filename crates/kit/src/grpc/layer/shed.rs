use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{Request, Response};
use tokio::sync::Semaphore;
use tonic::{Status, body::Body};
use tower::ServiceExt;

use crate::{Error, ErrorKind, grpc::Service};

/// How long a shed caller should wait.
const COME_BACK: Duration = Duration::from_millis(250);

/// Admits a bounded number of calls and refuses the rest at once.
pub(super) async fn layer(
    slots: Arc<Semaphore>,
    request: Request<Body>,
    inner: Service,
) -> Result<Response<Body>, Infallible> {
    if super::is_open(request.uri().path()) {
        return inner.oneshot(request).await;
    }
    let Ok(_slot) = slots.try_acquire() else {
        ::metrics::counter!("chappe_rpc_shed_total").increment(1);
        let error = Error::new(ErrorKind::Unavailable, "OVERLOADED", "the service is busy").retry_after(COME_BACK);
        return Ok(Status::from(error).into_http());
    };
    inner.oneshot(request).await
}
