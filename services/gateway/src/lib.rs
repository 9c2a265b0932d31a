#![doc = include_str!("../README.md")]

mod auth;
mod body;
mod config;
mod failure;
mod field;
mod layer;
mod limits;
mod peers;
mod rest;
mod updates;

use std::sync::Arc;

use axum::{Router, middleware::from_fn_with_state, serve::ListenerExt as _};
use chappe_coordination::Coordination;
use chappe_kit::{
    Error, Lifecycle, Runtime,
    grpc::{Peer, rest_keys::RestKeys},
};
use tokio::net::TcpListener;

pub use config::{Config, Preset, RateLimits};

use limits::Limiter;
use peers::Peers;

/// Name of the service.
pub const NAME: &str = "gateway";

/// What the service is built from.
pub struct Deps {
    /// Clock, ids, tasks, master key.
    pub runtime: Runtime,
    /// Rate limits.
    pub coordination: Coordination,
    /// Keys, projects, and who is who.
    pub identity: Peer,
    /// Every write of data.
    pub ingestion: Peer,
    /// Reads of profiles.
    pub profile_store: Peer,
    /// Automations.
    pub automation: Peer,
    /// Senders, templates, messages and tracking links.
    pub email_sender: Peer,
    /// Review and erasure.
    pub privacy: Peer,
}

/// REST for the mesh. Holds no state beyond a short memory of REST keys.
#[derive(Clone)]
pub struct Service {
    app: Arc<App>,
}

struct App {
    runtime: Runtime,
    rest_keys: RestKeys,
    limiter: Limiter,
    peers: Peers,
    config: Config,
}

impl Service {
    /// Builds the service; nothing listens and nothing runs yet.
    pub fn new(config: Config, deps: Deps) -> Result<Self, Error> {
        config.check()?;
        let app = App {
            peers: Peers::new(&deps),
            rest_keys: RestKeys::new(deps.identity),
            limiter: Limiter::new(deps.coordination, config.rate_limits.preset),
            runtime: deps.runtime,
            config,
        };
        Ok(Self { app: Arc::new(app) })
    }

    /// All routes, with the layers of this service. Routes merged in by others are not under these layers.
    pub fn router(&self) -> Router {
        rest::router(&self.app)
    }
}

/// Serves until the shutdown begins, then until open requests are answered.
pub async fn serve(listener: TcpListener, router: Router, lifecycle: Lifecycle) {
    // Small answers must not wait for the acknowledgement of the packet before.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!("could not set TCP_NODELAY on a connection: {error}");
        }
    });
    let router = router.layer(from_fn_with_state(lifecycle.clone(), layer::draining));
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(async move { lifecycle.stopping().await })
        .await;
    if let Err(error) = served {
        tracing::error!("the REST listener failed: {error}");
    }
}
