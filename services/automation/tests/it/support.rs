//! The service, built as a process would build it, with a clock that stands still.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use automation::{Config, Deps, Job, Migrator, Service};
use chappe_coordination::Coordination;
use chappe_ids::{ProfileId, ProjectId, lane_of};
use chappe_kit::{
    Clock, IdGen, Lifecycle, MasterKey, Runtime,
    grpc::{CallKey, Peer, call, layer, layer::Auth, peer::Connector},
};
use chappe_proto::{
    automation::{AutomationCounts, GetCountsRequest, automation_service_client::AutomationServiceClient},
    email::{MessageState, Outcome, OutgoingMessage, email_service_server::EmailServiceServer},
    privacy::data_subject_service_client::DataSubjectServiceClient,
    profile::{Event, FeedRow, profile_service_server::ProfileServiceServer},
    types::{ApplyAction, ApplyResourcesRequest, ApplyResourcesResponse, Resource, Value, value},
};
use chappe_store::migrate;
use chappe_testkit::{TestDb, rightful};
use chrono::{DateTime, TimeDelta};
use serde_json::{Value as Json, json};
use tonic::{Status, service::RoutesBuilder};
use uuid::Uuid;

use crate::peers::Peers;

pub(crate) const PROJECT: ProjectId = ProjectId::from_uuid(Uuid::from_u128(0x0100));
pub(crate) const OTHER_PROJECT: ProjectId = ProjectId::from_uuid(Uuid::from_u128(0x0200));

/// A database, its peers, and the processes that share it.
pub(crate) struct Mesh {
    pub(crate) clock: Clock,
    pub(crate) peers: Peers,
    pub(crate) db: TestDb,
    keys: MasterKey,
    processes: AtomicU64,
    rows: AtomicU64,
}

/// One process.
pub(crate) struct Process {
    pub(crate) service: Service,
    pub(crate) client: AutomationServiceClient<Peer>,
    pub(crate) subjects: DataSubjectServiceClient<Peer>,
    pub(crate) lifecycle: Lifecycle,
}

impl Mesh {
    pub(crate) async fn new(db: TestDb) -> Self {
        migrate::up::<Migrator>(db.db()).await.unwrap();
        Self {
            clock: Clock::manual(DateTime::from_timestamp(1_700_000_000, 0).unwrap()),
            peers: Peers::default(),
            db,
            keys: MasterKey::new([7; 32]),
            processes: AtomicU64::new(1),
            rows: AtomicU64::new(1),
        }
    }

    /// A process that holds every lane.
    pub(crate) async fn alone(db: TestDb) -> (Self, Process) {
        let mesh = Self::new(db).await;
        let process = mesh.process(Config::default()).await;
        process.turn(Job::Lanes).await;
        (mesh, process)
    }

    /// Another process on the same database.
    pub(crate) async fn process(&self, config: Config) -> Process {
        let number = self.processes.fetch_add(1, Ordering::SeqCst);
        let lifecycle = Lifecycle::new();
        let key = CallKey::new(&self.keys);
        let connector = Connector::new(automation::NAME, key.clone(), self.clock.clone());
        let auth = || Auth::services(key.clone(), self.clock.clone());
        let mut profiles = RoutesBuilder::default();
        profiles.add_service(ProfileServiceServer::new(self.peers.clone()));
        let mut emails = RoutesBuilder::default();
        emails.add_service(EmailServiceServer::new(self.peers.clone()));
        let deps = Deps {
            runtime: Runtime {
                clock: self.clock.clone(),
                ids: IdGen::seeded(number * 1_000_000),
                lifecycle: lifecycle.clone(),
                keys: self.keys.clone(),
            },
            db: self.db.reopen().await,
            coordination: Coordination::in_process(self.clock.clone()),
            profile_store: connector.local(layer::stack(profiles.routes(), auth())),
            email_sender: connector.local(layer::stack(emails.routes(), auth())),
        };
        let service = Service::new(config, deps).await.unwrap();
        let mut routes = RoutesBuilder::default();
        service.add_to(&mut routes);
        service.add_internal(&mut routes);
        let peer = rightful(layer::stack(routes.routes(), auth()), &key, &self.clock);
        Process {
            service,
            client: AutomationServiceClient::new(peer.clone()),
            subjects: DataSubjectServiceClient::new(peer),
            lifecycle,
        }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    /// Time passes for lanes, which the database measures.
    pub(crate) async fn lanes_age(&self, seconds: u64) {
        let by = Duration::from_secs(seconds);
        self.db.age(by, &[("lanes", "until"), ("workers", "seen_at")]).await;
    }

    /// Puts an event into the feed and tells the id of its row.
    pub(crate) fn happens(&self, project: ProjectId, profile: ProfileId, event: &str) -> String {
        let number = self.rows.fetch_add(1, Ordering::SeqCst);
        let row_id = format!("row-{number}");
        let n = Value {
            kind: Some(value::Kind::IntegerValue(i64::try_from(number).unwrap())),
        };
        self.peers.state().feed.push(FeedRow {
            row_id: row_id.clone(),
            project_id: project.to_string(),
            profile_id: profile.to_string(),
            lane: lane_of(profile).into(),
            version: i64::try_from(number).unwrap(),
            event: Some(Event {
                event_id: Uuid::from_u128(u128::from(number) << 64).to_string(),
                name: event.to_owned(),
                time: None,
                attributes: HashMap::from([("n".to_owned(), n)]),
            }),
            ..FeedRow::default()
        });
        row_id
    }

    /// The only message that was enqueued.
    pub(crate) fn message(&self) -> OutgoingMessage {
        let state = self.peers.state();
        assert_eq!(state.enqueued.len(), 1, "{:?}", state.steps());
        state.enqueued.values().next().unwrap().1.clone()
    }

    /// Reports what became of every message that was enqueued.
    pub(crate) fn all_became(&self, became: MessageState) {
        let mut state = self.peers.state();
        let outcomes = state.enqueued.iter().map(|(id, (project, _))| Outcome {
            project_id: project.to_string(),
            message_id: id.clone(),
            state: became.into(),
            reason: String::new(),
        });
        state.outcomes = outcomes.collect();
    }
}

impl Process {
    /// One turn of a job that must succeed.
    pub(crate) async fn turn(&self, job: Job) -> usize {
        self.service.turn(job).await.unwrap()
    }

    /// Feed, timers and both relays.
    pub(crate) async fn work(&self) {
        for job in [Job::Feed, Job::Timers, Job::HandOver, Job::TakeBack] {
            self.turn(job).await;
        }
    }

    /// Applies one automation; the outcome as it was answered.
    pub(crate) async fn try_apply(
        &self,
        project: ProjectId,
        name: &str,
        spec: &Json,
        validate_only: bool,
    ) -> Result<ApplyResourcesResponse, Status> {
        let request = ApplyResourcesRequest {
            resources: vec![resource(name, spec)],
            validate_only,
        };
        let mut client = self.client.clone();
        Ok(client.apply_resources(call(project, request)).await?.into_inner())
    }

    /// Applies one automation that has no fault.
    pub(crate) async fn apply(&self, project: ProjectId, name: &str, spec: &Json) -> ApplyAction {
        let response = self.try_apply(project, name, spec, false).await.unwrap();
        assert_eq!(response.results[0].faults, []);
        response.results[0].action()
    }

    pub(crate) async fn counts(&self, project: ProjectId) -> (Vec<AutomationCounts>, i64) {
        let mut client = self.client.clone();
        let counts = client
            .get_counts(call(project, GetCountsRequest {}))
            .await
            .unwrap()
            .into_inner();
        (counts.automations, counts.parked)
    }

    /// Live, completed, cancelled and otherwise ended entries of the project's only automation.
    pub(crate) async fn entries(&self) -> [i64; 4] {
        let (automations, _) = self.counts(PROJECT).await;
        assert_eq!(automations.len(), 1);
        let counts = &automations[0];
        [counts.live, counts.completed, counts.cancelled, counts.ended]
    }
}

pub(crate) fn resource(name: &str, spec: &Json) -> Resource {
    Resource {
        kind: "Automation".to_owned(),
        name: name.to_owned(),
        spec: Some(chappe_proto::to_struct(spec.as_object().unwrap())),
        version: 0,
    }
}

/// A profile in the lane of that number.
pub(crate) fn profile(lane: u8) -> ProfileId {
    ProfileId::from_uuid(Uuid::from_u128(0xabc0_0000 << 64 | u128::from(lane)))
}

/// Thanks for a purchase after a delay, unless it is refunded.
pub(crate) fn thanks() -> Json {
    json!({
        "state": "RUNNING",
        "trigger": {"event": "purchase"},
        "targeting": {"vip": true},
        "cancelOn": [{"event": "refund"}],
        "steps": [
            {"delay": "10s"},
            {"send": {"name": "thanks", "template": "thank-you", "sender": "shop"}},
            {"delay": "1h"},
        ],
    })
}

/// Thanks at once.
pub(crate) fn at_once() -> Json {
    json!({
        "state": "RUNNING",
        "trigger": {"event": "purchase"},
        "steps": [{"send": {"name": "thanks", "template": "thank-you", "sender": "shop"}}],
    })
}
