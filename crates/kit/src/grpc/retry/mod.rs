//! Making a call once more: in one place, inside the deadline, and never more than a bounded share of all calls.
//!
//! What was never handed over is made again whatever it is. What a server refused as unavailable is made again where
//! the contract says that twice is once, or where the call itself says so.

mod budget;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, request::Parts};
use http_body_util::{BodyExt as _, Full};
use tokio::time::Instant;
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt as _;
use tower::ServiceExt as _;

use self::budget::Budget;
use super::{
    Service,
    balancer::Unsent,
    contract::{self, Method},
    dice::Dice,
};

/// Tries before giving up, among them the first one.
const MAX_TRIES: u32 = 4;
/// How often a call may meet a connection that is about to close, on top of that: a try costs nothing there.
const MAX_REPLAYS: u32 = 8;
/// Upper bound of the first delay; doubles each time. The delay itself is drawn below it.
const FIRST_DELAY: Duration = Duration::from_millis(40);
/// A server that asks for a longer pause asks the one at the far end for it, not us.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Of a call that may be repeated although its method may not, in general.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeatable;

/// Retries of the calls to one peer.
#[derive(Debug, Default)]
pub(super) struct Retry {
    budget: Budget,
    dice: Dice,
}

/// What to do after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Answer,
    /// At once, on another connection.
    Replay,
    /// After a pause of at least so long.
    Retry {
        pause: Duration,
        is_load: bool,
    },
}

impl Retry {
    /// Makes a call as often as helps and is allowed.
    pub(super) async fn send(&self, mut request: Request<Body>, until: Instant, inner: Service) -> Response<Body> {
        let Some(method) = contract::method(request.uri().path()) else {
            set_timeout(&mut request, until);
            return once(request, inner).await;
        };
        let (head, body) = request.into_parts();
        let message = match body.collect().await {
            Ok(message) => message.to_bytes(),
            Err(status) => return status.into_http(),
        };
        self.budget.deposit();
        let may_repeat = method.is_idempotent || head.extensions.get::<Repeatable>().is_some();
        let (mut tries, mut replays) = (1, 0);
        loop {
            let response = once(copy(&head, &message, until), inner.clone()).await;
            match next(&response, may_repeat) {
                Next::Replay if replays < MAX_REPLAYS => replays += 1,
                Next::Answer | Next::Replay => return response,
                Next::Retry { pause, is_load } => {
                    let pause = pause + self.delay(tries);
                    if tries == MAX_TRIES || Instant::now() + pause >= until || (is_load && !self.is_affordable(method))
                    {
                        return response;
                    }
                    tries += 1;
                    #[expect(clippy::disallowed_methods, reason = "backing off between tries")]
                    tokio::time::sleep(pause).await;
                }
            }
            metrics::counter!("chappe_retries_total", "method" => method.name.as_str()).increment(1);
        }
    }

    fn is_affordable(&self, method: &'static Method) -> bool {
        let is_affordable = self.budget.withdraw();
        if !is_affordable {
            metrics::counter!("chappe_retry_throttled_total", "method" => method.name.as_str()).increment(1);
        }
        is_affordable
    }

    /// Anything up to a bound that doubles: callers that failed together do not come back together.
    fn delay(&self, tries: u32) -> Duration {
        let bound = FIRST_DELAY * 2_u32.pow(tries - 1);
        let micros = self
            .dice
            .below(usize::try_from(bound.as_micros()).unwrap_or(usize::MAX));
        Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    }
}

fn next(response: &Response<Body>, may_repeat: bool) -> Next {
    match response.extensions().get::<Unsent>() {
        Some(Unsent::Closing) => return Next::Replay,
        Some(Unsent::Nobody) => {
            return Next::Retry {
                pause: Duration::ZERO,
                is_load: false,
            };
        }
        None => {}
    }
    let Some(status) = Status::from_header_map(response.headers()).filter(|_| may_repeat) else {
        return Next::Answer;
    };
    let pause = match status.code() {
        // How long to stay away is for clients; another replica may answer now.
        Code::Unavailable => Some(Duration::ZERO),
        Code::Aborted | Code::ResourceExhausted => {
            let info = status.get_details_retry_info();
            info.and_then(|info| info.retry_delay)
                .filter(|pause| *pause <= LONGEST_PAUSE)
        }
        _ => None,
    };
    pause.map_or(Next::Answer, |pause| Next::Retry { pause, is_load: true })
}

async fn once(request: Request<Body>, inner: Service) -> Response<Body> {
    let Ok(response) = inner.oneshot(request).await;
    response
}

/// The request once more, with what is left of its time.
fn copy(head: &Parts, message: &Bytes, until: Instant) -> Request<Body> {
    let mut request = Request::new(Body::new(Full::new(message.clone())));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.version_mut() = head.version;
    *request.headers_mut() = head.headers.clone();
    *request.extensions_mut() = head.extensions.clone();
    set_timeout(&mut request, until);
    request
}

fn set_timeout(request: &mut Request<Body>, until: Instant) {
    let left = until.saturating_duration_since(Instant::now()).as_millis().max(1);
    if let Ok(value) = HeaderValue::try_from(format!("{left}m")) {
        request.headers_mut().insert("grpc-timeout", value);
    }
}

#[cfg(test)]
mod tests;
