//! One address of a peer and its connection.
//!
//! The connection is made beside the calls, so that no call waits for an address that does not answer while another
//! one does. It counts as open when the other side has answered that it is ready: that the system accepts a connection
//! says little about the process behind it.

use std::{
    error::Error as StdError,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, Version, header, uri::Authority};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prost::Message as _;
use tokio::{
    net::TcpStream,
    sync::Notify,
    task::JoinSet,
    time::{Instant, timeout},
};
use tonic::body::Body;
use tonic_health::pb::{HealthCheckResponse, health_check_response::ServingStatus};

use super::{News, failure::Failure};

/// How long a connection may take until it is open: a black-holed pod must be passed over fast.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The first pause after a failure; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause: what comes back is found again soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long an address that called itself unavailable is passed over where another one is not.
const SHUNNED: Duration = Duration::from_secs(1);
/// An idle connection whose other side is gone is noticed by the next call within the sum of both.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("chappe/", env!("CARGO_PKG_VERSION")));
/// Asked first on every connection.
const HELLO: &str = "/grpc.health.v1.Health/Check";
/// An empty message: not compressed, of length zero.
const EMPTY: Bytes = Bytes::from_static(&[0; 5]);

type Sender = http2::SendRequest<Body>;
type Connection = http2::Connection<TokioIo<TcpStream>, Body, TokioExecutor>;

/// Connects from when it is made, and again whenever it must, until it is dropped; calls on their way still end.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) at: SocketAddr,
    pub(super) link: Arc<Link>,
    _task: JoinSet<()>,
}

#[derive(Debug)]
pub(super) struct Link {
    at: SocketAddr,
    authority: Authority,
    state: Mutex<State>,
    /// Somebody has nowhere else to go.
    wanted: Notify,
    in_flight: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    open: Option<Sender>,
    /// Counts connections, so that the failure of an old one does not end the one after it.
    generation: u64,
    failed_at: Option<Instant>,
    shunned_until: Option<Instant>,
}

/// An open connection, for one call.
#[derive(Debug)]
pub(super) struct Pick {
    link: Arc<Link>,
    sender: Sender,
    generation: u64,
}

impl Endpoint {
    pub(super) fn new(at: SocketAddr, authority: Authority, news: Arc<News>) -> Self {
        let link = Arc::new(Link {
            at,
            authority,
            state: Mutex::default(),
            wanted: Notify::new(),
            in_flight: AtomicUsize::new(0),
        });
        let mut task = JoinSet::new();
        task.spawn(link.clone().keep_open(news));
        Self { at, link, _task: task }
    }
}

impl Link {
    async fn keep_open(self: Arc<Self>, news: Arc<News>) {
        let mut pause = FIRST_PAUSE;
        loop {
            match timeout(CONNECT_TIMEOUT, self.connect()).await {
                Ok(Ok((sender, connection))) => {
                    pause = FIRST_PAUSE;
                    self.opened(sender);
                    news.tell();
                    // How it ended is known to those who were calling.
                    drop(connection.await);
                    self.lock().open = None;
                    news.lost();
                }
                failed => {
                    let cause = failed.map_or_else(|_| "no answer in time".to_owned(), |failed| why(&failed));
                    tracing::debug!(server.address = %self.at, "could not connect to a peer: {cause}");
                    self.lock().failed_at = Some(Instant::now());
                    news.lost();
                    self.rest(pause).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
    }

    /// Connects, and waits for a first answer.
    async fn connect(&self) -> Result<(Sender, Connection), Box<dyn StdError + Send + Sync>> {
        let stream = TcpStream::connect(self.at).await?;
        stream.set_nodelay(true)?;
        let (mut sender, mut connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .handshake(TokioIo::new(stream))
            .await?;
        let mut hello = Request::new(Body::new(Full::new(EMPTY)));
        *hello.method_mut() = Method::POST;
        *hello.uri_mut() = Uri::from_static(HELLO);
        let headers = hello.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        let answered = async {
            let answer = sender.send_request(self.addressed(hello)).await?;
            Ok::<_, hyper::Error>(answer.into_body().collect().await?.to_bytes())
        };
        let answer = tokio::select! {
            answer = answered => answer?,
            ended = &mut connection => {
                ended?;
                return Err("the connection was closed before anything was answered".into());
            }
        };
        if is_not_serving(&answer) {
            return Err("it is not ready".into());
        }
        Ok((sender, connection))
    }

    fn opened(&self, sender: Sender) {
        let mut state = self.lock();
        state.open = Some(sender);
        state.generation += 1;
        state.shunned_until = None;
    }

    /// Waits, less long if somebody has nowhere else to go.
    async fn rest(&self, pause: Duration) {
        #[expect(clippy::disallowed_methods, reason = "backing off between connections")]
        tokio::time::sleep(FIRST_PAUSE).await;
        drop(timeout(pause.saturating_sub(FIRST_PAUSE), self.wanted.notified()).await);
    }

    /// Has it connect soon, if it is not connected.
    pub(super) fn want(&self) {
        self.wanted.notify_one();
    }

    /// Whether it could not be connected at this time or later.
    pub(super) fn has_failed_since(&self, since: Instant) -> bool {
        self.lock().failed_at.is_some_and(|at| at >= since)
    }

    /// How it compares with others, less being better; absent while it is not open.
    pub(super) fn load(&self, now: Instant) -> Option<(bool, usize)> {
        let state = self.lock();
        let is_shunned = state.shunned_until.is_some_and(|until| until > now);
        let is_open = state.open.as_ref().is_some_and(|sender| !sender.is_closed());
        is_open.then(|| (is_shunned, self.in_flight.load(Ordering::Relaxed)))
    }

    /// The connection, while it is open. The call counts from now on.
    pub(super) fn pick(self: &Arc<Self>) -> Option<Pick> {
        let (sender, generation) = {
            let state = self.lock();
            (state.open.clone()?, state.generation)
        };
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let link = self.clone();
        Some(Pick {
            link,
            sender,
            generation,
        })
    }

    /// The request as this connection takes it.
    fn addressed(&self, mut request: Request<Body>) -> Request<Body> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.authority.clone())
            .path_and_query(path);
        if let Ok(uri) = uri.build() {
            *request.uri_mut() = uri;
        }
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().insert(header::USER_AGENT, USER_AGENT);
        request
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pick {
    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(mut self, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let request = self.link.addressed(request);
        let answer = self.sender.try_send_request(request).await;
        let answer = answer.map_err(|error| {
            let is_unsent = error.message().is_some();
            Failure::of(error.into_error(), is_unsent)
        });
        match &answer {
            Ok(answer) if says_unavailable(answer) => self.shun(),
            Err(failure) if failure.ends_connection() => self.give_up(),
            Err(_) => self.shun(),
            Ok(_) => {}
        }
        answer
    }

    /// The connection takes no more calls.
    fn give_up(&self) {
        let mut state = self.link.lock();
        if state.generation == self.generation {
            state.open = None;
        }
    }

    fn shun(&self) {
        self.link.lock().shunned_until = Some(Instant::now() + SHUNNED);
    }
}

impl Drop for Pick {
    fn drop(&mut self) {
        self.link.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether it says of itself that it is not ready. Where nobody answers for that, it is taken to be.
fn is_not_serving(answer: &[u8]) -> bool {
    let message = answer.get(EMPTY.len()..).unwrap_or_default();
    HealthCheckResponse::decode(message).is_ok_and(|answer| answer.status() == ServingStatus::NotServing)
}

/// A failure that was known before anything was answered: a server that is busy, or is on its way out.
fn says_unavailable(answer: &Response<Incoming>) -> bool {
    answer.headers().get("grpc-status").is_some_and(|code| code == "14")
}

fn why<T>(failed: &Result<T, Box<dyn StdError + Send + Sync>>) -> String {
    failed.as_ref().err().map(ToString::to_string).unwrap_or_default()
}
