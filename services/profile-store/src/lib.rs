#![doc = include_str!("../README.md")]

mod config;
mod domain;
mod job;
mod migration;
mod rpc;
mod store;
mod subject;
mod telemetry;

use std::sync::{Arc, atomic::AtomicUsize};

use chappe_coordination::Coordination;
use chappe_ids::ProjectId;
use chappe_kit::{Error, Runtime, grpc::MAX_MESSAGE_BYTES, keys::Key, lifecycle::TaskKind};
use chappe_proto::{
    privacy::data_subject_service_server::DataSubjectServiceServer,
    profile::profile_service_server::ProfileServiceServer,
};
use chappe_store::Db;
use tonic::service::RoutesBuilder;

pub use config::Config;
pub use migration::Migrator;

/// Name of the service.
pub const NAME: &str = "profile-store";

/// What the service is built from. It calls nobody, so there are no peers.
pub struct Deps {
    /// Clock, ids, tasks, master key.
    pub runtime: Runtime,
    /// Its own database.
    pub db: Db,
    /// Wake-ups, and the lock that keeps replicas from purging at the same time.
    pub coordination: Coordination,
}

/// Profiles, events and the feed.
#[derive(Clone)]
pub struct Service {
    app: Arc<App>,
}

struct App {
    db: Db,
    coordination: Coordination,
    runtime: Runtime,
    config: Config,
    block_list: Key,
    /// Where the next pull of the feed starts among its lanes.
    next_lane: AtomicUsize,
}

impl App {
    /// The keyed hash by which a custom id is blocked: the list names nobody.
    fn block_hash(&self, project: ProjectId, custom_id: &str) -> [u8; 32] {
        let subject = [project.as_uuid().as_bytes(), custom_id.as_bytes()].concat();
        self.block_list.mac(&subject)
    }
}

impl Service {
    /// Builds the service; nothing listens and nothing runs yet.
    pub fn new(config: Config, deps: Deps) -> Result<Self, Error> {
        if config.event_retention_days == 0 {
            return Err(Error::invalid_field("event_retention_days", "is at least 1"));
        }
        let app = App {
            block_list: deps.runtime.keys.derive("block-list"),
            db: deps.db,
            coordination: deps.coordination,
            runtime: deps.runtime,
            config,
            next_lane: AtomicUsize::new(0),
        };
        Ok(Self { app: Arc::new(app) })
    }

    /// Adds the public contract.
    pub fn add_to(&self, routes: &mut RoutesBuilder) {
        routes.add_service(
            ProfileServiceServer::from_arc(self.app.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        );
    }

    /// Adds what privacy calls.
    pub fn add_internal(&self, routes: &mut RoutesBuilder) {
        routes.add_service(
            DataSubjectServiceServer::from_arc(self.app.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        );
    }

    /// Starts background work.
    pub fn start(&self) {
        let app = self.app.clone();
        let lifecycle = &self.app.runtime.lifecycle;
        lifecycle.spawn(TaskKind::Essential, "profile-store.purge", async move {
            job::purge::run(&app).await;
        });
    }

    /// Deletes once what is past its time, as the background work does every hour.
    pub async fn purge(&self) -> Result<(), Error> {
        job::purge::once(&self.app).await
    }
}
