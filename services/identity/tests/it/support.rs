//! The service on a database of its own, and clients of it.

use std::time::Duration;

use chappe_ids::ProjectId;
use chappe_kit::{
    Clock, IdGen, Lifecycle, MasterKey, Runtime,
    grpc::{
        CallKey, Peer,
        layer::{Auth, stack},
        peer::Connector,
    },
};
use chappe_proto::{
    identity::{CreateProjectRequest, CreateProjectResponse, identity_service_client::IdentityServiceClient},
    privacy::data_subject_service_client::DataSubjectServiceClient,
};
use chappe_store::migrate;
use chappe_testkit::TestDb;
use identity::{Config, Deps, Migrator, Service};

pub(crate) struct Fixture {
    pub(crate) clock: Clock,
    pub(crate) identity: IdentityServiceClient<Peer>,
    pub(crate) subjects: DataSubjectServiceClient<Peer>,
    /// Keeps the database.
    _db: TestDb,
}

pub(crate) async fn start(test: TestDb) -> Fixture {
    migrate::up::<Migrator>(test.db()).await.unwrap();
    let clock = Clock::manual("2026-11-23T12:00:00Z".parse().unwrap());
    let keys = MasterKey::new([5; 32]);
    let runtime = Runtime {
        clock: clock.clone(),
        ids: IdGen::system(),
        lifecycle: Lifecycle::new(),
        keys: keys.clone(),
    };
    let service = Service::new(
        Config::default(),
        Deps {
            runtime,
            db: test.db().clone(),
        },
    )
    .unwrap();
    let mut routes = tonic::service::Routes::builder();
    service.add_to(&mut routes);
    service.add_internal(&mut routes);
    let key = CallKey::new(&keys);
    let served = stack(routes.routes(), Auth::services(key.clone(), clock.clone()));
    let peer = Connector::new("test", key, clock.clone()).local(served);
    Fixture {
        clock,
        identity: IdentityServiceClient::new(peer.clone()),
        subjects: DataSubjectServiceClient::new(peer),
        _db: test,
    }
}

impl Fixture {
    pub(crate) async fn project(&mut self, name: &str) -> (ProjectId, CreateProjectResponse) {
        let created = self
            .identity
            .create_project(CreateProjectRequest { name: name.to_owned() })
            .await
            .unwrap()
            .into_inner();
        (created.project_id.parse().unwrap(), created)
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(chrono::TimeDelta::from_std(by).unwrap());
    }
}
