use std::{pin::Pin, sync::Arc, time::Duration};

use chappe_coordination::Coordination;
use chappe_ids::ProjectId;
use chappe_kit::{
    Clock, Error, IdGen, Lifecycle, MasterKey, Runtime, Timestamp,
    grpc::{
        CallKey, Peer, Service as Grpc, call,
        layer::{Auth, ClientAuth, stack},
        peer::Connector,
    },
};
use chappe_proto::{
    identity::identity_service_server::IdentityServiceServer,
    privacy::{
        self as pb, data_subject_service_server::DataSubjectServiceServer, privacy_service_client::PrivacyServiceClient,
    },
    profile::profile_service_server::ProfileServiceServer,
    types::{Identifier, Installation, identifier::Kind},
};
use chappe_store::migrate;
use chappe_testkit::{TestDb, rightful};
use privacy::{Config, Deps, Migrator, Service};
use tonic::{Status, service::RoutesBuilder};
use uuid::Uuid;

use crate::fake::{Identity, Log, Profiles, Subject};

pub(crate) const PROJECT: ProjectId = ProjectId::from_uuid(Uuid::from_u128(1));
pub(crate) const ADA: Uuid = Uuid::from_u128(0xada);
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// The services around privacy, its store, and the time.
pub(crate) struct World {
    test: TestDb,
    pub(crate) clock: Clock,
    pub(crate) log: Log,
    /// Out of order on purpose: privacy has to begin with identity by itself.
    pub(crate) subjects: Vec<Subject>,
    pub(crate) identity: Identity,
    pub(crate) profiles: Profiles,
}

/// One process of privacy.
pub(crate) struct Instance {
    pub(crate) service: Service,
    pub(crate) client: PrivacyServiceClient<Peer>,
    pub(crate) as_client: PrivacyServiceClient<Peer>,
    pub(crate) lifecycle: Lifecycle,
}

impl World {
    pub(crate) async fn new(test: TestDb) -> Self {
        migrate::up::<Migrator>(test.db()).await.unwrap();
        let clock = Clock::manual(NOW.to_utc());
        let log = Log::default();
        let names = ["profile-store", "identity", "automation", "email-sender"];
        Self {
            test,
            profiles: Profiles::new(clock.clone()),
            clock,
            subjects: names.into_iter().map(|name| Subject::new(name, log.clone())).collect(),
            log,
            identity: Identity::new(),
        }
    }

    /// The participant of this name.
    pub(crate) fn subject(&self, name: &str) -> &Subject {
        self.subjects.iter().find(|subject| subject.name == name).unwrap()
    }

    pub(crate) fn db(&self) -> &chappe_store::Db {
        self.test.db()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(chrono::TimeDelta::from_std(by).unwrap());
    }

    /// Every lease runs out.
    pub(crate) async fn leases_run_out(&self) {
        let leases = [("leases", "until"), ("requests", "lease_until")];
        self.test.age(Duration::from_mins(1), &leases).await;
    }

    /// A new process on the same store.
    pub(crate) async fn instance(&self) -> Instance {
        self.configured(Config::default()).await
    }

    pub(crate) async fn configured(&self, config: Config) -> Instance {
        let keys = MasterKey::new([7; 32]);
        let key = CallKey::new(&keys);
        let serve = |routes: RoutesBuilder| stack(routes.routes(), Auth::services(key.clone(), self.clock.clone()));
        let out = Connector::new(privacy::NAME, key.clone(), self.clock.clone());

        let mut identity = RoutesBuilder::default();
        identity.add_service(IdentityServiceServer::new(self.identity.clone()));
        let mut profiles = RoutesBuilder::default();
        profiles.add_service(ProfileServiceServer::new(self.profiles.clone()));
        let participants = self.subjects.iter().map(|subject| {
            let mut routes = RoutesBuilder::default();
            routes.add_service(DataSubjectServiceServer::new(subject.clone()));
            (subject.name, out.local(serve(routes)))
        });
        let lifecycle = Lifecycle::new();
        let deps = Deps {
            runtime: Runtime {
                clock: self.clock.clone(),
                ids: IdGen::system(),
                lifecycle: lifecycle.clone(),
                keys,
            },
            db: self.test.reopen().await,
            coordination: Coordination::in_process(self.clock.clone()),
            identity: out.local(serve(identity)),
            profile_store: out.local(serve(profiles)),
            participants: participants.collect(),
        };
        let service = Service::new(config, deps).await.unwrap();
        let routes = || -> Grpc {
            let mut routes = RoutesBuilder::default();
            service.add_to(&mut routes);
            let auth = Auth::services(key.clone(), self.clock.clone()).with_clients(Arc::new(AnyKey));
            stack(routes.routes(), auth)
        };
        Instance {
            client: PrivacyServiceClient::new(rightful(routes(), &key, &self.clock)),
            as_client: PrivacyServiceClient::new(routes()),
            service,
            lifecycle,
        }
    }
}

/// Lets every client in.
struct AnyKey;

impl ClientAuth for AnyKey {
    fn authenticate<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<ProjectId, Error>> + Send + 'a>> {
        Box::pin(async { Ok(PROJECT) })
    }
}

pub(crate) fn custom_id(value: &str) -> Identifier {
    Identifier {
        kind: Some(Kind::CustomId(value.to_owned())),
    }
}

pub(crate) fn installation(id: Uuid) -> Identifier {
    installation_of("app", id)
}

/// Identity knows one app, named `app`.
pub(crate) fn installation_of(app: &str, id: Uuid) -> Identifier {
    let kind = Kind::Installation(Installation {
        app_key: app.to_owned(),
        installation_id: id.to_string(),
    });
    Identifier { kind: Some(kind) }
}

impl Instance {
    pub(crate) async fn create(&self, kind: pb::RequestType, identifier: Identifier) -> pb::PrivacyRequest {
        let request = pb::CreateRequestRequest {
            r#type: kind.into(),
            identifier: Some(identifier),
            ..pb::CreateRequestRequest::default()
        };
        let created = self
            .client
            .clone()
            .create_request(call(PROJECT, request))
            .await
            .unwrap();
        created.into_inner().request.unwrap()
    }

    pub(crate) async fn remove(&self, value: &str) -> pb::PrivacyRequest {
        self.create(pb::RequestType::Remove, custom_id(value)).await
    }

    pub(crate) async fn review(&self, value: &str) -> pb::PrivacyRequest {
        self.create(pb::RequestType::Review, custom_id(value)).await
    }

    pub(crate) async fn get(&self, id: &str) -> Result<pb::PrivacyRequest, Status> {
        let request = pb::GetRequestRequest {
            request_id: id.to_owned(),
        };
        let found = self.client.clone().get_request(call(PROJECT, request)).await?;
        Ok(found.into_inner().request.unwrap())
    }

    pub(crate) async fn list(&self) -> Vec<pb::PrivacyRequest> {
        let listed = self
            .client
            .clone()
            .list_requests(call(PROJECT, pb::ListRequestsRequest {}))
            .await;
        listed.unwrap().into_inner().requests
    }

    pub(crate) async fn archive(&self, name: &str) -> Result<Vec<u8>, Status> {
        let request = pb::GetArchiveRequest {
            archive_name: name.to_owned(),
        };
        let mut stream = self.client.clone().get_archive(request).await?.into_inner();
        let mut archive = Vec::new();
        while let Some(part) = stream.message().await? {
            archive.extend_from_slice(&part.chunk);
        }
        Ok(archive)
    }

    pub(crate) async fn start(&self, request: pb::StartInactivityRunRequest) -> Result<pb::InactivityRun, Status> {
        let started = self.client.clone().start_inactivity_run(call(PROJECT, request)).await?;
        Ok(started.into_inner().run.unwrap())
    }

    pub(crate) async fn run(&self, id: &str) -> pb::InactivityRun {
        let request = pb::GetInactivityRunRequest { run_id: id.to_owned() };
        let found = self.client.clone().get_inactivity_run(call(PROJECT, request)).await;
        found.unwrap().into_inner().run.unwrap()
    }

    /// Works until there is nothing left that is due.
    pub(crate) async fn work(&self) {
        while self.service.work_due().await.unwrap() > 0 {}
    }
}
