//! Peers whose answers a test writes, and which remember what they were asked.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::body::Bytes;
use chappe_ids::ProjectId;
use chappe_kit::{
    Clock, Error, ErrorKind, MasterKey,
    grpc::{CallKey, Peer, peer::Connector},
};
use chappe_proto::{
    identity::{AuthenticateRequest, AuthenticateResponse, authenticate_request::Scope},
    ingestion::{UpdateProfilesRequest, UpdateProfilesResponse},
};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use prost::Message;
use tonic::{Code, Status, body::Body};
use tower::{service_fn, util::BoxCloneSyncService};

pub(crate) const REST_KEY: &str = "rest-0123456789";
pub(crate) const PROJECT_KEY: &str = "project_abc";
pub(crate) const APP_KEY: &str = "APPKEY";

type Handler = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, Status> + Send + Sync>;

/// All peers at once: their methods have different names.
#[derive(Clone, Default)]
pub(crate) struct Mesh(Arc<Inner>);

#[derive(Default)]
struct Inner {
    handlers: Mutex<HashMap<&'static str, Handler>>,
    calls: Mutex<Vec<Call<Vec<u8>>>>,
}

/// A call that a peer got.
#[derive(Clone, Debug)]
pub(crate) struct Call<T> {
    pub(crate) method: String,
    pub(crate) project: Option<ProjectId>,
    pub(crate) headers: HeaderMap,
    pub(crate) message: T,
}

pub(crate) fn project() -> ProjectId {
    ProjectId::from_uuid(uuid::Uuid::from_u128(7))
}

pub(super) fn master_key() -> MasterKey {
    MasterKey::new([9; 32])
}

impl Mesh {
    /// Knows one key, one project and one app; takes every edit.
    pub(super) fn new() -> Self {
        let mesh = Self::default();
        mesh.on("Authenticate", authenticate);
        mesh.on("UpdateProfiles", |_: UpdateProfilesRequest| {
            Ok(UpdateProfilesResponse::default())
        });
        mesh
    }

    /// Answers a method; where several services have it, with the name of the service in front.
    pub(crate) fn on<Q: Message + Default, R: Message>(
        &self,
        method: &'static str,
        answer: impl Fn(Q) -> Result<R, Status> + Send + Sync + 'static,
    ) {
        self.on_stream(method, move |request| answer(request).map(|response| vec![response]));
    }

    /// Answers a method with several messages.
    pub(crate) fn on_stream<Q: Message + Default, R: Message>(
        &self,
        method: &'static str,
        answer: impl Fn(Q) -> Result<Vec<R>, Status> + Send + Sync + 'static,
    ) {
        let handler: Handler = Arc::new(move |bytes| {
            let responses = answer(Q::decode(bytes).map_err(|error| Status::internal(error.to_string()))?)?;
            Ok(responses.iter().flat_map(frame).collect())
        });
        self.0.handlers.lock().unwrap().insert(method, handler);
    }

    /// Fails a method.
    pub(crate) fn fail(&self, method: &'static str, code: Code) {
        self.on(method, move |(): ()| {
            Err::<(), _>(Status::new(code, "the peer's own words"))
        });
    }

    /// Calls of a method, in order.
    pub(crate) fn calls<Q: Message + Default>(&self, method: &str) -> Vec<Call<Q>> {
        let calls = self.0.calls.lock().unwrap();
        let calls = calls.iter().filter(|call| call.method == method);
        calls
            .map(|call| Call {
                method: call.method.clone(),
                project: call.project,
                headers: call.headers.clone(),
                message: Q::decode(call.message.as_slice()).unwrap(),
            })
            .collect()
    }

    /// Names of the methods called, in order.
    pub(crate) fn methods(&self) -> Vec<String> {
        let calls = self.0.calls.lock().unwrap();
        calls.iter().map(|call| call.method.clone()).collect()
    }

    pub(super) fn peer(&self) -> Peer {
        let (mesh, key) = (self.clone(), CallKey::new(&master_key()));
        let service = BoxCloneSyncService::new(service_fn(move |request| {
            let (mesh, key) = (mesh.clone(), key.clone());
            async move { Ok::<_, Infallible>(mesh.serve(&key, request).await) }
        }));
        let clock = Clock::manual(chrono::DateTime::UNIX_EPOCH);
        Connector::new("gateway", CallKey::new(&master_key()), clock).local(service)
    }

    async fn serve(&self, key: &CallKey, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let (service, method) = parts.uri.path().rsplit_once('/').unwrap();
        let full = format!("{}/{method}", service.rsplit('.').next().unwrap());
        let method = method.to_owned();
        let token = parts.headers["x-chappe-call"].to_str().unwrap();
        let claims = key.verify(token, chappe_kit::Timestamp::from_micros(0)).unwrap();
        // A frame is a flag, a length of four bytes, and the message.
        let message = body.collect().await.unwrap().to_bytes()[5..].to_vec();
        self.0.calls.lock().unwrap().push(Call {
            method: method.clone(),
            project: claims.project,
            headers: parts.headers,
            message: message.clone(),
        });
        let handlers = self.0.handlers.lock().unwrap();
        let handler = handlers
            .get(full.as_str())
            .or_else(|| handlers.get(method.as_str()))
            .cloned();
        drop(handlers);
        let handler = handler.unwrap_or_else(|| panic!("the test does not answer {full}"));
        match handler(&message) {
            Ok(frames) => answered(frames),
            Err(status) => status.into_http(),
        }
    }
}

fn frame<R: Message>(response: &R) -> Vec<u8> {
    let message = response.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap();
    [[0].as_slice(), &length.to_be_bytes(), &message].concat()
}

fn answered(frames: Vec<u8>) -> Response<Body> {
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    let body = Full::new(Bytes::from(frames)).with_trailers(async { Some(Ok(trailers)) });
    let response = Response::builder().header("content-type", "application/grpc");
    response.body(Body::new(body)).unwrap()
}

/// As identity does it: the key first, then what it should open.
fn authenticate(request: AuthenticateRequest) -> Result<AuthenticateResponse, Status> {
    if request.rest_key != REST_KEY {
        return Err(wrong_key());
    }
    match request.scope {
        None => Err(Status::invalid_argument("scope: name a project key or an app key")),
        Some(Scope::ProjectKey(key)) if key == PROJECT_KEY => Ok(opened("")),
        Some(Scope::AppKey(key)) if key == APP_KEY => Ok(opened(&uuid::Uuid::from_u128(8).to_string())),
        Some(_) => Err(wrong_key()),
    }
}

fn opened(app_id: &str) -> AuthenticateResponse {
    AuthenticateResponse {
        project_id: project().to_string(),
        app_id: app_id.to_owned(),
    }
}

/// What identity says.
fn wrong_key() -> Status {
    let message = "invalid REST API key or project";
    Error::new(ErrorKind::Unauthenticated, "KEY_INVALID", message).into()
}
