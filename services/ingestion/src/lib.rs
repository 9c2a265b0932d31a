#![doc = include_str!("../README.md")]

mod config;
mod domain;
mod pipeline;
mod rpc;
mod subject;

use std::sync::Arc;

use chappe_coordination::Coordination;
use chappe_kit::{
    Error, Runtime,
    grpc::{MAX_MESSAGE_BYTES, Peer},
};
use chappe_proto::{
    identity::identity_service_client::IdentityServiceClient,
    ingestion::ingestion_service_server::IngestionServiceServer,
    privacy::data_subject_service_server::DataSubjectServiceServer,
    profile::profile_service_client::ProfileServiceClient,
};
use tonic::service::RoutesBuilder;

pub use config::Config;

/// Name of the service.
pub const NAME: &str = "ingestion";

/// What the service is built from.
pub struct Deps {
    /// Clock, ids, tasks, master key.
    pub runtime: Runtime,
    /// Marks of events that are committed.
    pub coordination: Coordination,
    /// Who is who.
    pub identity: Peer,
    /// Where edits are applied.
    pub profile_store: Peer,
}

/// Validation, deduplication and fan-out of writes.
#[derive(Clone)]
pub struct Service {
    app: Arc<App>,
}

struct App {
    runtime: Runtime,
    coordination: Coordination,
    identity: IdentityServiceClient<Peer>,
    profile_store: ProfileServiceClient<Peer>,
}

impl Service {
    /// Builds the service; nothing listens and nothing runs yet.
    pub fn new(_config: Config, deps: Deps) -> Result<Self, Error> {
        let app = App {
            runtime: deps.runtime,
            coordination: deps.coordination,
            identity: IdentityServiceClient::new(deps.identity)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
            profile_store: ProfileServiceClient::new(deps.profile_store)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        };
        Ok(Self { app: Arc::new(app) })
    }

    /// Adds the public contract.
    pub fn add_to(&self, routes: &mut RoutesBuilder) {
        routes.add_service(
            IngestionServiceServer::from_arc(self.app.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        );
    }

    /// Adds what only services of the mesh call.
    pub fn add_internal(&self, routes: &mut RoutesBuilder) {
        routes.add_service(DataSubjectServiceServer::new(subject::HoldsNothing));
    }

    /// Starts background work: there is none, a write is done when it is answered.
    pub fn start(&self) {}
}
