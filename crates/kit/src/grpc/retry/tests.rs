use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use tonic_types::ErrorDetails;
use tower::{service_fn, util::BoxCloneSyncService};

use super::*;
use crate::Error;

const IDEMPOTENT: &str = "/chappe.email.v1.EmailService/Enqueue";
const NOT_IDEMPOTENT: &str = "/chappe.identity.v1.IdentityService/CreateProject";

/// Answers in this order, then always with success; tells how often it was called.
#[derive(Clone, Default)]
struct Peer {
    answers: Arc<Mutex<VecDeque<Response<Body>>>>,
    requests: Arc<Mutex<Vec<(Bytes, Duration)>>>,
}

impl Peer {
    fn new(answers: impl IntoIterator<Item = Response<Body>>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            ..Self::default()
        }
    }

    fn service(&self) -> Service {
        let this = self.clone();
        BoxCloneSyncService::new(service_fn(move |request: Request<Body>| {
            let this = this.clone();
            async move {
                let left = request.headers()["grpc-timeout"]
                    .to_str()
                    .unwrap()
                    .trim_end_matches('m');
                let left = Duration::from_millis(left.parse().unwrap());
                let body = request.into_body().collect().await.unwrap().to_bytes();
                this.requests.lock().unwrap().push((body, left));
                let answer = this.answers.lock().unwrap().pop_front();
                Ok::<_, Infallible>(answer.unwrap_or_default())
            }
        }))
    }

    fn calls(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

async fn send(peer: &Peer, request: Request<Body>) -> Option<Code> {
    send_through(&Retry::default(), peer, request).await
}

async fn send_through(retry: &Retry, peer: &Peer, request: Request<Body>) -> Option<Code> {
    let until = Instant::now() + Duration::from_secs(10);
    let response = retry.send(request, until, peer.service()).await;
    Status::from_header_map(response.headers()).map(|status| status.code())
}

fn request(path: &str) -> Request<Body> {
    let body = Body::new(Full::new(Bytes::from_static(b"message")));
    Request::builder().uri(path).body(body).unwrap()
}

fn unavailable() -> Response<Body> {
    Status::from(Error::unavailable("restarting")).into_http()
}

fn unsent(why: Unsent) -> Response<Body> {
    let mut response = unavailable();
    response.extensions_mut().insert(why);
    response
}

fn aborted(pause: Option<Duration>) -> Response<Body> {
    let details = pause.map_or_else(ErrorDetails::new, |pause| ErrorDetails::with_retry_info(Some(pause)));
    Status::with_error_details(Code::Aborted, "conflict", details).into_http()
}

#[tokio::test(start_paused = true)]
async fn what_is_done_once_when_done_twice_is_done_until_it_succeeds() {
    let peer = Peer::new([unavailable(), unavailable()]);
    assert_eq!(send(&peer, request(IDEMPOTENT)).await, None);
    let requests = peer.requests.lock().unwrap();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|(body, _)| body == "message"));
    assert!(
        requests.is_sorted_by(|before, after| before.1 >= after.1),
        "{requests:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn it_is_given_up_after_a_few_tries() {
    let peer = Peer::new((0..10).map(|_| unavailable()));
    assert_eq!(send(&peer, request(IDEMPOTENT)).await, Some(Code::Unavailable));
    assert_eq!(peer.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_done_is_not_done_again() {
    let peer = Peer::new([unavailable()]);
    assert_eq!(send(&peer, request(NOT_IDEMPOTENT)).await, Some(Code::Unavailable));
    assert_eq!(peer.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_may_say_of_itself_that_it_can_be_repeated() {
    let peer = Peer::new([unavailable()]);
    let mut request = request(NOT_IDEMPOTENT);
    request.extensions_mut().insert(Repeatable);
    assert_eq!(send(&peer, request).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_was_never_handed_over_is_always_done_again() {
    let peer = Peer::new([
        unsent(Unsent::Closing),
        unsent(Unsent::Nobody),
        unsent(Unsent::Closing),
        unsent(Unsent::Nobody),
    ]);
    assert_eq!(send(&peer, request(NOT_IDEMPOTENT)).await, None);
    assert_eq!(peer.calls(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_repeated_where_the_server_says_when() {
    for (pause, code, calls) in [
        (None, Some(Code::Aborted), 1),
        (Some(Duration::from_millis(20)), None, 2),
        (Some(Duration::from_secs(1)), Some(Code::Aborted), 1),
    ] {
        let peer = Peer::new([aborted(pause)]);
        assert_eq!(send(&peer, request(IDEMPOTENT)).await, code, "{pause:?}");
        assert_eq!(peer.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn another_failure_is_an_answer() {
    let peer = Peer::new([Status::invalid_argument("no").into_http()]);
    assert_eq!(send(&peer, request(IDEMPOTENT)).await, Some(Code::InvalidArgument));
    assert_eq!(peer.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn retries_never_wait_beyond_the_deadline() {
    let peer = Peer::new((0..10).map(|_| aborted(Some(Duration::from_millis(200)))));
    let until = Instant::now() + Duration::from_millis(300);
    let response = Retry::default().send(request(IDEMPOTENT), until, peer.service()).await;
    assert_eq!(
        Status::from_header_map(response.headers()).unwrap().code(),
        Code::Aborted
    );
    assert!(Instant::now() < until);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_fails_always_gets_a_fifth_more_calls_at_most() {
    const CALLS: usize = 2_000;
    let peer = Peer::new((0..10 * CALLS).map(|_| unavailable()));
    let retry = Retry::default();
    for _ in 0..CALLS {
        assert_eq!(
            send_through(&retry, &peer, request(IDEMPOTENT)).await,
            Some(Code::Unavailable)
        );
    }
    let retries = peer.calls() - CALLS;
    assert!((CALLS / 5..=CALLS / 5 + 100).contains(&retries), "{retries}");
}
