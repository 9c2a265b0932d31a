use std::{convert::Infallible, time::Duration};

use http::{Request, Response};
use tokio::time::Instant;
use tonic::{Status, body::Body};
use tower::ServiceExt;

use crate::grpc::Service;

/// No call takes longer, whatever its caller asks.
const CAP: Duration = Duration::from_mins(1);
/// Our timer fires before the caller's, so that the caller hears `DEADLINE_EXCEEDED` from us.
const EARLY: Duration = Duration::from_millis(10);

/// Ends the call when its caller's time is up.
pub(super) async fn layer(request: Request<Body>, inner: Service) -> Result<Response<Body>, Infallible> {
    let deadline = of(&request);
    if let Ok(response) = tokio::time::timeout_at(deadline, inner.oneshot(request)).await {
        return response;
    }
    ::metrics::counter!("chappe_rpc_deadlines_total").increment(1);
    Ok(Status::deadline_exceeded("the deadline of the call has passed").into_http())
}

/// When the call must be answered.
pub(super) fn of(request: &Request<Body>) -> Instant {
    let asked = request
        .headers()
        .get("grpc-timeout")
        .and_then(|value| parse(value.to_str().ok()?));
    Instant::now() + asked.map_or(CAP, |asked| asked.saturating_sub(EARLY)).min(CAP)
}

/// `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Requests").
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let value: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(value.saturating_mul(3600)),
        "M" => Duration::from_secs(value.saturating_mul(60)),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("3S"), Some(Duration::from_secs(3)));
        assert_eq!(parse("123456789m"), None);
        assert_eq!(parse("12"), None);
        assert_eq!(parse(""), None);
        assert_eq!(parse("1é"), None);
    }
}
