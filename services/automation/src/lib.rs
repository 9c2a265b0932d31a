#![doc = include_str!("../README.md")]

mod app;
mod config;
mod domain;
mod job;
mod migration;
mod rpc;
mod store;
mod subject;

use std::sync::Arc;

use chappe_coordination::Coordination;
use chappe_kit::{
    Error, Runtime,
    grpc::{MAX_MESSAGE_BYTES, Peer},
};
use chappe_proto::{
    automation::automation_service_server::AutomationServiceServer,
    privacy::data_subject_service_server::DataSubjectServiceServer,
};
use chappe_store::Db;
use tonic::service::RoutesBuilder;

use app::App;

pub use config::Config;
pub use job::Job;
pub use migration::Migrator;

/// Name of the service.
pub const NAME: &str = "automation";

/// What the service is built from.
pub struct Deps {
    /// Clock, ids, tasks, master key.
    pub runtime: Runtime,
    /// Its own database.
    pub db: Db,
    /// Wake-ups.
    pub coordination: Coordination,
    /// Events are pulled from it, and targeting is asked.
    pub profile_store: Peer,
    /// Messages are handed to it.
    pub email_sender: Peer,
}

/// Automations and the entries of people in them.
#[derive(Clone)]
pub struct Service {
    app: Arc<App>,
}

impl Service {
    /// Builds the service; nothing listens and nothing runs yet.
    #[expect(clippy::unused_async, reason = "all services are built alike")]
    pub async fn new(config: Config, deps: Deps) -> Result<Self, Error> {
        Ok(Self {
            app: Arc::new(App::new(config, deps)),
        })
    }

    /// Adds the public contract.
    pub fn add_to(&self, routes: &mut RoutesBuilder) {
        routes.add_service(
            AutomationServiceServer::from_arc(self.app.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        );
    }

    /// Adds what only services of the mesh call.
    pub fn add_internal(&self, routes: &mut RoutesBuilder) {
        routes.add_service(
            DataSubjectServiceServer::from_arc(self.app.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        );
    }

    /// Starts background work.
    pub fn start(&self) {
        job::start(&self.app);
    }

    /// One turn of a background job, without waiting for work: what [`Service::start`] repeats. Tells how much
    /// it did. Tests drive the time with it.
    pub async fn turn(&self, job: Job) -> Result<usize, Error> {
        job.turn(&self.app).await
    }
}
