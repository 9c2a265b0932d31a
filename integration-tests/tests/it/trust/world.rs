//! Every gRPC service as it stands in a process of its own, on one store, without its background work.

use std::{collections::HashMap, sync::Arc};

use chappe_coordination::Coordination;
use chappe_ids::ProjectId;
use chappe_kit::{
    Clock, IdGen, Lifecycle, MasterKey, Runtime,
    grpc::{CallKey, Peer, Service, layer, layer::Auth, peer::Connector, rest_keys::RestKeys},
};
use chappe_proto::{
    edges,
    identity::{CreateProjectRequest, CreateProjectResponse},
};
use chappe_store::{Db, migrate};
use chappe_testkit::TestDb;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use prost::Message;
use tonic::{
    Code, Status,
    body::Body,
    service::{Routes, RoutesBuilder},
};
use tonic_types::StatusExt as _;
use tower::ServiceExt as _;

/// Serves all.
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) key: CallKey,
    pub(super) databases: Vec<TestDb>,
    served: HashMap<&'static str, Service>,
}

/// What came back.
pub(super) struct Answer {
    pub(super) code: Code,
    /// Reason of the failure.
    pub(super) reason: String,
    /// Its sentence.
    pub(super) message: String,
    /// The messages of the answer, framed as they came.
    pub(super) body: Vec<u8>,
}

/// Header and value.
pub(super) type Credential = Vec<(&'static str, String)>;

macro_rules! serve {
    ($world:ident, $name:expr, $service:ident) => {
        $world.serve($name, |routes| {
            $service.add_to(routes);
            $service.add_internal(routes);
        })
    };
}

impl World {
    pub(super) async fn new(db: &TestDb) -> Self {
        let runtime = Runtime {
            clock: Clock::system(),
            ids: IdGen::system(),
            lifecycle: Lifecycle::new(),
            keys: MasterKey::new([6; 32]),
        };
        let mut world = Self {
            clock: runtime.clock.clone(),
            key: CallKey::new(&runtime.keys),
            databases: Vec::new(),
            served: HashMap::new(),
        };
        world.start(db, &runtime).await;
        world
    }

    /// Every service after those that it calls.
    async fn start(&mut self, db: &TestDb, runtime: &Runtime) {
        let coordination = Coordination::in_process(self.clock.clone());

        let own = self.database(db, identity::NAME).await;
        migrate::up::<identity::Migrator>(&own).await.unwrap();
        let deps = identity::Deps {
            runtime: runtime.clone(),
            db: own,
        };
        let service = identity::Service::new(identity::Config::default(), deps).unwrap();
        serve!(self, identity::NAME, service);

        let own = self.database(db, profile_store::NAME).await;
        migrate::up::<profile_store::Migrator>(&own).await.unwrap();
        let deps = profile_store::Deps {
            runtime: runtime.clone(),
            db: own,
            coordination: coordination.clone(),
        };
        let service = profile_store::Service::new(profile_store::Config::default(), deps).unwrap();
        serve!(self, profile_store::NAME, service);

        let own = self.database(db, email_sender::NAME).await;
        migrate::up::<email_sender::Migrator>(&own).await.unwrap();
        let deps = email_sender::Deps {
            runtime: runtime.clone(),
            db: own,
            coordination: coordination.clone(),
            profile_store: self.peer(email_sender::NAME, profile_store::NAME),
        };
        let service = email_sender::Service::new(email_sender::Config::default(), deps).await;
        let service = service.unwrap();
        serve!(self, email_sender::NAME, service);

        let own = self.database(db, automation::NAME).await;
        migrate::up::<automation::Migrator>(&own).await.unwrap();
        let deps = automation::Deps {
            runtime: runtime.clone(),
            db: own,
            coordination: coordination.clone(),
            profile_store: self.peer(automation::NAME, profile_store::NAME),
            email_sender: self.peer(automation::NAME, email_sender::NAME),
        };
        let service = automation::Service::new(automation::Config::default(), deps)
            .await
            .unwrap();
        serve!(self, automation::NAME, service);

        let deps = ingestion::Deps {
            runtime: runtime.clone(),
            coordination: coordination.clone(),
            identity: self.peer(ingestion::NAME, identity::NAME),
            profile_store: self.peer(ingestion::NAME, profile_store::NAME),
        };
        let service = ingestion::Service::new(ingestion::Config::default(), deps).unwrap();
        serve!(self, ingestion::NAME, service);

        let own = self.database(db, privacy::NAME).await;
        migrate::up::<privacy::Migrator>(&own).await.unwrap();
        let deps = privacy::Deps {
            runtime: runtime.clone(),
            db: own,
            coordination,
            identity: self.peer(privacy::NAME, identity::NAME),
            profile_store: self.peer(privacy::NAME, profile_store::NAME),
            participants: Vec::new(),
        };
        let service = privacy::Service::new(privacy::Config::default(), deps).await.unwrap();
        serve!(self, privacy::NAME, service);
    }

    async fn database(&mut self, like: &TestDb, service: &str) -> Db {
        let own = if like.url().starts_with("sqlite:") {
            TestDb::sqlite(service).await
        } else {
            TestDb::postgres(service).await.unwrap()
        };
        let db = own.db().clone();
        self.databases.push(own);
        db
    }

    fn serve(&mut self, name: &'static str, add: impl Fn(&mut RoutesBuilder)) {
        let layered = |auth: Auth| {
            let mut routes = Routes::builder();
            add(&mut routes);
            layer::stack(routes.routes(), auth)
        };
        let mut auth = Auth::services(self.key.clone(), self.clock.clone());
        if edges::admits_clients(name) {
            let caller = if name == identity::NAME { gateway::NAME } else { name };
            let identity = match name {
                identity::NAME => layered(auth.clone()),
                _ => self.served[identity::NAME].clone(),
            };
            let connector = Connector::new(caller, self.key.clone(), self.clock.clone());
            auth = auth.with_clients(Arc::new(RestKeys::new(connector.local(identity))));
        }
        self.served.insert(name, layered(auth));
    }

    fn peer(&self, caller: &'static str, service: &str) -> Peer {
        Connector::new(caller, self.key.clone(), self.clock.clone()).local(self.served[service].clone())
    }

    /// The credential of a service that calls for a project.
    pub(super) fn token(&self, caller: &str, project: Option<ProjectId>) -> Credential {
        vec![("x-chappe-call", self.key.mint(caller, project, self.clock.now()))]
    }

    /// Calls `package.Service/Method`.
    pub(super) async fn send(&self, to: &str, method: &str, credential: Credential, message: &[u8]) -> Answer {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let frame = [&[0], &length[..], message].concat();
        let mut request = Request::post(format!("/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in credential {
            request = request.header(name, value);
        }
        let request = request.body(Body::new(Full::from(frame))).unwrap();
        let (head, body) = self.served[to].clone().oneshot(request).await.unwrap().into_parts();
        let collected = body.collect().await.unwrap();
        let trailers = collected.trailers().and_then(Status::from_header_map);
        let status = Status::from_header_map(&head.headers).or(trailers).unwrap();
        let info = status.get_error_details();
        Answer {
            code: status.code(),
            reason: info.error_info().map(|info| info.reason.clone()).unwrap_or_default(),
            message: status.message().to_owned(),
            body: collected.to_bytes().to_vec(),
        }
    }

    /// A new project with its keys.
    pub(super) async fn project(&self, name: &str) -> (ProjectId, CreateProjectResponse) {
        let request = CreateProjectRequest { name: name.to_owned() };
        let method = "chappe.identity.v1.IdentityService/CreateProject";
        let token = self.token("chappe", None);
        let answer = self.send(identity::NAME, method, token, &request.encode_to_vec()).await;
        assert_eq!(answer.code, Code::Ok, "{}", answer.message);
        let created = CreateProjectResponse::decode(&answer.body[5..]).unwrap();
        (created.project_id.parse().unwrap(), created)
    }
}
