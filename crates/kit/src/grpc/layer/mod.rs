//! The layers of every gRPC server, outermost first. The order is written here and nowhere else.

mod auth;
mod deadline;
mod metrics;
mod panic;
mod shed;
mod trace;

use std::{convert::Infallible, future::Future, sync::Arc};

use http::{Request, Response};
use tokio::sync::Semaphore;
use tonic::{body::Body, service::Routes};
use tower::{service_fn, util::BoxCloneSyncService};

use super::{CallKey, Service};
use crate::{Clock, skew::Witness};

pub use auth::{Auth, ClientAuth};
pub(super) use metrics::{code_of, name_of};

/// Calls that one process serves at a time; more are shed. tonic's own limit counts per connection.
pub const MAX_IN_FLIGHT: usize = 1024;

/// Wraps the routes of a service.
pub fn stack(routes: Routes, auth: Auth) -> Service {
    over(BoxCloneSyncService::new(routes.prepare()), auth)
}

fn over(mut service: Service, auth: Auth) -> Service {
    let slots = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
    // Innermost first, so that the last line is the outermost layer.
    // auth: a credential becomes a Caller, before anything costs.
    service = wrap(service, move |request, inner| auth::layer(auth.clone(), request, inner));
    // deadline: ours or nobody's; waiting for a slot has counted already.
    service = wrap(service, deadline::layer);
    // shed: over the process-wide limit the answer is UNAVAILABLE at once, because another replica may help.
    service = wrap(service, move |request, inner| {
        shed::layer(slots.clone(), request, inner)
    });
    // panic: one bad request is one bad request.
    service = wrap(service, panic::layer);
    // metrics: near the outside, and "cancelled" until proven otherwise, so that dropped calls count.
    service = wrap(service, metrics::layer);
    // trace: sees everything.
    wrap(service, trace::layer)
}

fn wrap<F, Fut>(inner: Service, layer: F) -> Service
where
    F: Fn(Request<Body>, Service) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    BoxCloneSyncService::new(service_fn(move |request| layer(request, inner.clone())))
}

/// Health and reflection answer without a credential, though one that is shown must be good, and without a slot.
pub(super) fn is_open(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.") || path.starts_with("/grpc.reflection.")
}

impl Auth {
    /// Admits services of the mesh only.
    pub fn services(key: CallKey, clock: Clock) -> Self {
        Self {
            key,
            clock,
            clients: None,
            witness: None,
        }
    }

    /// Notes that somebody goes by our clock, with every token that is good.
    #[must_use]
    pub fn noting(mut self, witness: Witness) -> Self {
        self.witness = Some(witness);
        self
    }

    /// Admits clients with a REST key too, to the methods that are theirs.
    #[must_use]
    pub fn with_clients(mut self, clients: Arc<dyn ClientAuth>) -> Self {
        self.clients = Some(clients);
        self
    }
}

#[cfg(test)]
mod tests;
