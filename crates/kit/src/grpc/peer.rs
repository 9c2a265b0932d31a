//! The other end of a call: in this process or behind TCP, the same type.

use std::{convert::Infallible, time::Duration};

use chappe_ids::ProjectId;
use http::{HeaderName, HeaderValue, Request, Response};
use tonic::{
    Status,
    body::Body,
    transport::{Channel, Endpoint},
};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};

use super::{
    Service,
    caller::{CallKey, TOKEN_HEADER},
    context,
};
use crate::{Clock, Error};

/// Deadline of a call that is made outside of any other and sets none.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// How long to wait for a TCP connection: a black-holed pod must be passed over fast.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What generated clients are built on.
pub type Peer = Service;

/// The project of an outgoing call.
#[derive(Clone, Copy, Debug)]
struct Tenant(ProjectId);

/// The deadline that an outgoing call asks for.
#[derive(Clone, Copy, Debug)]
struct Deadline(Duration);

/// A request on behalf of a project.
pub fn call<T>(project: ProjectId, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.extensions_mut().insert(Tenant(project));
    request
}

/// Gives an outgoing call its own deadline; it never exceeds what the call being served has left.
pub fn with_deadline<T>(mut request: tonic::Request<T>, deadline: Duration) -> tonic::Request<T> {
    request.extensions_mut().insert(Deadline(deadline));
    request
}

/// Connects a service to its peers under its name.
#[derive(Clone, Debug)]
pub struct Connector {
    service: &'static str,
    key: CallKey,
    clock: Clock,
}

impl Connector {
    /// For the service of this name.
    pub fn new(service: &'static str, key: CallKey, clock: Clock) -> Self {
        Self { service, key, clock }
    }

    /// A peer in this process, with its whole stack of layers.
    pub fn local(&self, service: Service) -> Peer {
        self.wrap(service)
    }

    /// A peer behind TCP. It connects when first used and again whenever it must.
    pub fn remote(&self, url: &str) -> Result<Peer, Error> {
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|error| {
                Error::invalid(
                    "PEER_ADDRESS",
                    format!("{url} is not an address such as http://host:50051: {error}"),
                )
            })?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10));
        let channel = endpoint.connect_lazy();
        Ok(self.wrap(BoxCloneSyncService::new(service_fn(move |request| {
            unfailing(channel.clone(), request)
        }))))
    }

    fn wrap(&self, inner: Service) -> Peer {
        let this = self.clone();
        BoxCloneSyncService::new(service_fn(move |request| {
            let (this, inner) = (this.clone(), inner.clone());
            async move { this.send(request, inner).await }
        }))
    }

    /// Adds the deadline, the trace and the caller's token, and keeps the time itself: tonic has no
    /// deadline in process, and reports one over TCP as `CANCELLED`.
    async fn send(&self, mut request: Request<Body>, inner: Service) -> Result<Response<Body>, Infallible> {
        let asked = request
            .extensions()
            .get::<Deadline>()
            .map_or(DEFAULT_DEADLINE, |deadline| deadline.0);
        let deadline = context::remaining(asked);
        let project = request.extensions().get::<Tenant>().map(|tenant| tenant.0);
        let headers = request.headers_mut();
        headers.insert("grpc-timeout", text(format!("{}m", deadline.as_millis().max(1))));
        headers.insert(
            HeaderName::from_static(TOKEN_HEADER),
            text(self.key.mint(self.service, project, self.clock.now())),
        );
        let traceparent = context::traceparent();
        if !traceparent.is_empty() && !headers.contains_key("traceparent") {
            headers.insert("traceparent", text(traceparent));
        }
        match tokio::time::timeout(deadline, inner.oneshot(request)).await {
            Ok(response) => response,
            Err(_) => Ok(Status::deadline_exceeded("the deadline of the call has passed").into_http()),
        }
    }
}

/// A transport failure as what it means to the caller.
async fn unfailing(channel: Channel, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(channel
        .oneshot(request)
        .await
        .unwrap_or_else(|error| Status::from(Error::unavailable(error)).into_http()))
}

fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}
