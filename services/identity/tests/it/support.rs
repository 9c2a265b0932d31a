//! The service on a database of its own, and clients of it.

use std::{pin::Pin, sync::Arc, time::Duration};

use chappe_ids::ProjectId;
use chappe_kit::{
    Clock, Error, IdGen, Lifecycle, MasterKey, Runtime,
    grpc::{
        CallKey, Peer,
        layer::{Auth, ClientAuth, stack},
    },
};
use chappe_proto::{
    identity::{CreateProjectRequest, CreateProjectResponse, identity_service_client::IdentityServiceClient},
    privacy::data_subject_service_client::DataSubjectServiceClient,
};
use chappe_store::migrate;
use chappe_testkit::{TestDb, rightful};
use identity::{Config, Deps, Migrator, Service};

const KEY: [u8; 32] = [5; 32];

/// Takes every key for one of this project.
struct AnyKey(ProjectId);

impl ClientAuth for AnyKey {
    fn authenticate<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<ProjectId, Error>> + Send + 'a>> {
        Box::pin(async { Ok(self.0) })
    }
}

pub(crate) struct Fixture {
    pub(crate) clock: Clock,
    pub(crate) service: Service,
    pub(crate) identity: IdentityServiceClient<Peer>,
    pub(crate) subjects: DataSubjectServiceClient<Peer>,
    pub(crate) db: TestDb,
}

pub(crate) async fn start(test: TestDb) -> Fixture {
    migrate::up::<Migrator>(test.db()).await.unwrap();
    let clock = Clock::manual("2026-11-23T12:00:00Z".parse().unwrap());
    let keys = MasterKey::new(KEY);
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
    let peer = rightful(served, &key, &clock);
    Fixture {
        clock,
        service,
        identity: IdentityServiceClient::new(peer.clone()),
        subjects: DataSubjectServiceClient::new(peer),
        db: test,
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

    /// A client with a REST key of the project.
    pub(crate) fn client(&self, project: ProjectId) -> IdentityServiceClient<Peer> {
        let mut routes = tonic::service::Routes::builder();
        self.service.add_to(&mut routes);
        let services = Auth::services(CallKey::new(&MasterKey::new(KEY)), self.clock.clone());
        let auth = services.with_clients(Arc::new(AnyKey(project)));
        IdentityServiceClient::new(stack(routes.routes(), auth))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(chrono::TimeDelta::from_std(by).unwrap());
    }
}
