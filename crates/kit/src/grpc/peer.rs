//! The other end of a call: in this process or behind TCP, the same type.

use std::{convert::Infallible, sync::Arc, time::Duration};

use chappe_ids::ProjectId;
use http::{HeaderName, HeaderValue, Request, Response};
use tokio::time::{Instant, timeout_at};
use tonic::{Status, body::Body};
use tower::{service_fn, util::BoxCloneSyncService};

use super::{
    Balancer, Service,
    caller::{CallKey, TOKEN_HEADER},
    context,
    retry::{Repeatable, Retry},
    span::Call,
};
use crate::{Clock, trace::TraceContext};

/// Deadline of a call that is made outside of any other and sets none.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

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

/// Says that this call may be made twice although calls of its method may not, in general: it carries a key that makes
/// the second one find the first.
pub fn repeatable<T>(mut request: tonic::Request<T>) -> tonic::Request<T> {
    request.extensions_mut().insert(Repeatable);
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

    /// A peer behind TCP, with any number of replicas.
    pub fn remote(&self, balancer: &Balancer) -> Peer {
        self.wrap(balancer.service())
    }

    fn wrap(&self, inner: Service) -> Peer {
        let this = self.clone();
        let retry = Arc::new(Retry::default());
        BoxCloneSyncService::new(service_fn(move |request| {
            let (this, retry, inner) = (this.clone(), retry.clone(), inner.clone());
            async move { this.send(request, &retry, inner).await }
        }))
    }

    /// Adds the trace and the caller's token, and keeps the time of all tries together itself: tonic has no
    /// deadline in process, and reports one over TCP as `CANCELLED`.
    async fn send(
        &self,
        mut request: Request<Body>,
        retry: &Retry,
        inner: Service,
    ) -> Result<Response<Body>, Infallible> {
        let asked = request
            .extensions()
            .get::<Deadline>()
            .map_or(DEFAULT_DEADLINE, |deadline| deadline.0);
        let until = Instant::now() + context::remaining(asked);
        let project = request.extensions().get::<Tenant>().map(|tenant| tenant.0);
        let caller = context::trace().unwrap_or_else(TraceContext::unsampled);
        let (mut call, trace) = Call::made(request.uri().path(), caller);
        let headers = request.headers_mut();
        headers.insert(
            HeaderName::from_static(TOKEN_HEADER),
            text(self.key.mint(self.service, project, self.clock.now())),
        );
        headers.insert("traceparent", text(trace.to_string()));
        let answered = timeout_at(until, retry.send(request, until, inner)).await;
        let response =
            answered.unwrap_or_else(|_| Status::deadline_exceeded("the deadline of the call has passed").into_http());
        call.answered(&response);
        Ok(response)
    }
}

fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}
