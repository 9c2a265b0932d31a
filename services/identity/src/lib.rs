#![doc = include_str!("../README.md")]

mod config;
mod domain;
mod job;
mod migration;
mod rpc;
mod store;
mod subject;

use std::sync::Arc;

use chappe_kit::{Error, Runtime, grpc::MAX_MESSAGE_BYTES, keys::Key, lifecycle::TaskKind};
use chappe_proto::{
    identity::identity_service_server::IdentityServiceServer,
    privacy::data_subject_service_server::DataSubjectServiceServer,
};
use chappe_store::Db;
use tonic::service::RoutesBuilder;

pub use config::Config;
pub use migration::Migrator;

/// Name of the service.
pub const NAME: &str = "identity";

/// What the service is built from.
pub struct Deps {
    /// Clock, ids, tasks, master key.
    pub runtime: Runtime,
    /// Its own database.
    pub db: Db,
}

/// Projects, keys, and who is who.
#[derive(Clone)]
pub struct Service {
    app: Arc<App>,
}

struct App {
    db: Db,
    runtime: Runtime,
    rest_keys: Key,
    block_list: Key,
}

impl Service {
    /// Builds the service; nothing listens and nothing runs yet.
    pub fn new(_config: Config, deps: Deps) -> Result<Self, Error> {
        let keys = &deps.runtime.keys;
        let (rest_keys, block_list) = (keys.derive("rest-key"), keys.derive("block-list"));
        let app = App {
            db: deps.db,
            runtime: deps.runtime,
            rest_keys,
            block_list,
        };
        Ok(Self { app: Arc::new(app) })
    }

    /// Adds the public contract.
    pub fn add_to(&self, routes: &mut RoutesBuilder) {
        routes.add_service(
            IdentityServiceServer::from_arc(self.app.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        );
    }

    /// Adds what only services of the mesh call.
    pub fn add_internal(&self, routes: &mut RoutesBuilder) {
        routes.add_service(DataSubjectServiceServer::from_arc(self.app.clone()));
    }

    /// Starts background work.
    pub fn start(&self) {
        let lifecycle = &self.app.runtime.lifecycle;
        lifecycle.spawn(TaskKind::Essential, "identity.purge", job::run(self.app.clone()));
    }

    /// Forgets once what is past its time, as the background work does every hour.
    pub async fn purge(&self) -> Result<(), Error> {
        job::purge(&self.app).await
    }
}
