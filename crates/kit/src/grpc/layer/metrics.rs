use std::convert::Infallible;

use http::{Request, Response};
use tokio::time::Instant;
use tonic::{Code, Status, body::Body};
use tower::ServiceExt;

use crate::grpc::Service;

/// Counts, times and tracks in flight every call.
pub(super) async fn layer(request: Request<Body>, inner: Service) -> Result<Response<Body>, Infallible> {
    let mut call = Call::begin(request.uri().path());
    let Ok(response) = inner.oneshot(request).await;
    call.outcome = code_of(&response).description();
    Ok(response)
}

/// The status of a response that failed at once; a stream that began well counts as OK.
fn code_of(response: &Response<Body>) -> Code {
    Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
}

struct Call {
    method: String,
    outcome: &'static str,
    began: Instant,
}

impl Call {
    fn begin(path: &str) -> Self {
        let method = path.trim_start_matches('/').to_owned();
        ::metrics::gauge!("chappe_rpc_in_flight").increment(1.0);
        Self {
            method,
            outcome: "cancelled",
            began: Instant::now(),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let method = std::mem::take(&mut self.method);
        ::metrics::gauge!("chappe_rpc_in_flight").decrement(1.0);
        ::metrics::histogram!("chappe_rpc_seconds", "method" => method.clone())
            .record(self.began.elapsed().as_secs_f64());
        ::metrics::counter!("chappe_rpc_total", "method" => method, "code" => self.outcome).increment(1);
    }
}
