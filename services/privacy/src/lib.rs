#![doc = include_str!("../README.md")]

mod app;
mod config;
mod domain;
mod job;
mod migration;
mod rpc;
mod store;
mod telemetry;

use std::sync::Arc;

use chappe_coordination::Coordination;
use chappe_ids::ProjectId;
use chappe_kit::{
    Error, Runtime,
    grpc::{MAX_MESSAGE_BYTES, Peer},
    lifecycle::TaskKind,
};
use chappe_proto::privacy::privacy_service_server::PrivacyServiceServer;
use chappe_store::Db;
use tonic::service::RoutesBuilder;

use app::App;

pub use config::{Brakes, Config};
pub use migration::Migrator;

/// Name of the service.
pub const NAME: &str = "privacy";

/// What the service is built from.
pub struct Deps {
    /// Clock, ids, tasks, master key.
    pub runtime: Runtime,
    /// Its own database.
    pub db: Db,
    /// Wake-ups.
    pub coordination: Coordination,
    /// Who is who, and the inactivity period.
    pub identity: Peer,
    /// Where inactive profiles are.
    pub profile_store: Peer,
    /// Every service that holds personal data, by name. Adding one to review and erasure is one line here.
    pub participants: Vec<(&'static str, Peer)>,
}

/// Review, erasure and inactivity.
#[derive(Clone)]
pub struct Service {
    app: Arc<App>,
}

impl Service {
    /// Builds the service; nothing listens and nothing runs yet.
    #[expect(clippy::unused_async, reason = "all services are built alike")]
    pub async fn new(config: Config, deps: Deps) -> Result<Self, Error> {
        config.validate()?;
        Ok(Self {
            app: Arc::new(App::new(config, deps)),
        })
    }

    /// Adds the public contract.
    pub fn add_to(&self, routes: &mut RoutesBuilder) {
        routes.add_service(
            PrivacyServiceServer::from_arc(self.app.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        );
    }

    /// Adds what only services of the mesh call: nothing. What privacy itself keeps about a person, archives and
    /// identifiers, it forgets in the transaction that ends an erasure.
    pub fn add_internal(&self, _routes: &mut RoutesBuilder) {}

    /// Starts background work.
    pub fn start(&self) {
        let lifecycle = &self.app.runtime.lifecycle;
        let app = || self.app.clone();
        lifecycle.spawn(TaskKind::Essential, "privacy.requests", job::requests::run(app()));
        lifecycle.spawn(TaskKind::Essential, "privacy.inactivity", job::inactivity::run(app()));
        lifecycle.spawn(TaskKind::Essential, "privacy.sweep", job::sweep::run(app()));
    }

    /// Attends to everything that is due, once, and tells how much that was. Background work does the same in a
    /// loop; a test calls it to stop the world in between.
    pub async fn work_due(&self) -> Result<usize, Error> {
        Ok(job::requests::work_due(&self.app).await? + job::inactivity::work_due(&self.app).await?)
    }

    /// Forgets what has been kept long enough and checks the audit chain, once.
    pub async fn sweep(&self) -> Result<(), Error> {
        job::sweep::sweep(&self.app).await
    }

    /// Follows the audit chain of a project and tells its length. `AUDIT_BROKEN` names the first entry that is not
    /// what was written.
    pub async fn verify_audit(&self, project: ProjectId) -> Result<i64, Error> {
        store::audit::verify(self.app.db.read(), &self.app.keys.audit, project).await
    }
}
