//! Against real servers.

mod names;
mod picks;
mod restarts;

use std::{
    future::Future,
    io,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use chappe_proto::identity::{CreateProjectRequest, GetProjectRequest, identity_service_client::IdentityServiceClient};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use tonic_health::pb::{HealthCheckResponse, health_check_response::ServingStatus};

use super::*;
use crate::{
    Clock, Lifecycle, MasterKey,
    grpc::{CallKey, Peer, call, peer::Connector, server},
    lifecycle::TaskKind,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// A real server, whose answers are all alike.
struct Replica {
    at: SocketAddr,
    calls: Arc<AtomicUsize>,
    is_ready: Arc<AtomicBool>,
    lifecycle: Lifecycle,
}

impl Replica {
    async fn new() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), || async { ok() }).await
    }

    async fn at<Fut>(at: SocketAddr, answer: impl Fn() -> Fut + Clone + Send + Sync + 'static) -> Self
    where
        Fut: Future<Output = Response<Body>> + Send,
    {
        let listener = TcpListener::bind(at).await.unwrap();
        let replica = Self {
            at: listener.local_addr().unwrap(),
            calls: Arc::default(),
            is_ready: Arc::new(AtomicBool::new(true)),
            lifecycle: Lifecycle::new(),
        };
        let (calls, is_ready) = (replica.calls.clone(), replica.is_ready.clone());
        let service = BoxCloneSyncService::new(service_fn(move |request: Request<Body>| {
            let (calls, is_ready, answer) = (calls.clone(), is_ready.clone(), answer.clone());
            async move {
                if request.uri().path().starts_with("/grpc.health.") {
                    return Ok(health(is_ready.load(Ordering::Relaxed)));
                }
                // Until all of it is there, a call has not been handed over.
                request.into_body().collect().await.unwrap();
                calls.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(answer().await)
            }
        }));
        let serving = server::serve(listener, service, replica.lifecycle.clone());
        replica.lifecycle.spawn(TaskKind::Essential, "grpc", serving);
        replica
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    async fn stop(&self) {
        self.lifecycle.stop();
        assert!(self.lifecycle.drained(PATIENCE).await);
    }
}

/// A replica that answers when it may.
struct Held {
    replica: Replica,
    entered: Arc<Semaphore>,
    gate: Arc<Semaphore>,
}

impl Held {
    async fn new() -> Self {
        let (entered, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (tell, held) = (entered.clone(), gate.clone());
        let answer = move || {
            let (tell, held) = (tell.clone(), held.clone());
            async move {
                tell.add_permits(1);
                held.acquire().await.unwrap().forget();
                ok()
            }
        };
        let replica = Replica::at("127.0.0.1:0".parse().unwrap(), answer).await;
        Self { replica, entered, gate }
    }
}

fn health(is_ready: bool) -> Response<Body> {
    let status = if is_ready {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    };
    let message = HealthCheckResponse { status: status.into() }.encode_to_vec();
    let mut frame = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
    frame.extend(message);
    success(frame)
}

/// A message without fields.
fn ok() -> Response<Body> {
    success(vec![0; 5])
}

fn success(frame: Vec<u8>) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from(frame)).with_trailers(async { Some(Ok(trailers)) });
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn client(balancer: &Balancer) -> IdentityServiceClient<Peer> {
    let key = CallKey::new(&MasterKey::new([1; 32]));
    IdentityServiceClient::new(Connector::new("test", key, Clock::system()).remote(balancer))
}

/// A call that may be repeated.
async fn read(balancer: &Balancer) -> Result<(), Status> {
    let project = chappe_ids::ProjectId::from_uuid(uuid::Uuid::from_u128(1));
    let request = call(project, GetProjectRequest::default());
    client(balancer).get_project(request).await.map(drop)
}

/// A call that may not.
async fn create(client: &mut IdentityServiceClient<Peer>) -> Result<(), Status> {
    client.create_project(CreateProjectRequest::default()).await.map(drop)
}

fn list(replicas: &[SocketAddr]) -> Balancer {
    let urls: Vec<String> = replicas.iter().map(|at| format!("http://{at}")).collect();
    Balancer::new("test", &urls.join(",")).unwrap()
}

/// A name whose addresses can be changed.
fn name(answer: &Arc<Mutex<io::Result<Vec<SocketAddr>>>>) -> Balancer {
    let answer = answer.clone();
    let lookup: Lookup = Arc::new(move |_, _| {
        let answer = match &*answer.lock().unwrap() {
            Ok(found) => Ok(found.clone()),
            Err(error) => Err(error.kind().into()),
        };
        Box::pin(async move { answer })
    });
    Balancer::with_lookup("test", "http://peer:1", lookup).unwrap()
}

/// Has the name looked up once more, and waits until what was found is in use.
async fn look(balancer: &Balancer, is_so: impl Fn() -> bool) {
    let mut news = balancer.shared.news.changed.subscribe();
    balancer.shared.news.look.notify_one();
    let looked = async {
        while !is_so() {
            news.changed().await.unwrap();
        }
    };
    timeout(PATIENCE, looked).await.unwrap();
}

async fn all_open(balancer: &Balancer) {
    let now = Instant::now();
    look(balancer, || {
        let endpoints = balancer.shared.endpoints();
        endpoints.iter().all(|endpoint| endpoint.link.load(now).is_some())
    })
    .await;
}
