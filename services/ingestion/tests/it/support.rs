//! The service between two scripted peers that remember what they were asked.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex},
};

use chappe_coordination::Coordination;
use chappe_ids::ProjectId;
use chappe_kit::{
    Clock, IdGen, Lifecycle, MasterKey, Runtime,
    grpc::{
        CallKey, Peer, call,
        layer::{Auth, stack},
        peer::Connector,
    },
};
use chappe_proto::{
    identity::{Resolution, ResolutionState, ResolveRequest, ResolveResponse},
    ingestion::{
        ProfileUpdate, UpdateProfilesRequest, UpdateProfilesResponse, ingestion_service_client::IngestionServiceClient,
    },
    profile::{ApplyEditsRequest, ApplyEditsResponse, EditResult, EditState},
    types::{Identifier, identifier::Kind},
};
use chappe_testkit::{FakePeer, rightful};
use ingestion::{Config, Deps, Service};
use tonic::Status;
use uuid::Uuid;

/// What the peers know and saw.
#[derive(Default)]
pub(crate) struct World {
    /// Profile of each custom id.
    pub(crate) people: HashMap<String, Uuid>,
    pub(crate) blocked: HashSet<String>,
    /// Profiles that the store calls gone.
    pub(crate) gone: HashSet<Uuid>,
    /// Events that the store has.
    pub(crate) events: HashSet<String>,
    /// Failures to answer before anything works.
    pub(crate) faults: VecDeque<Status>,
    /// Edits that were applied.
    pub(crate) applied: Vec<ApplyEditsRequest>,
}

impl World {
    fn apply(&mut self, request: ApplyEditsRequest) -> ApplyEditsResponse {
        let mut results = Vec::new();
        for edit in &request.edits {
            if self.gone.contains(&edit.profile_id.parse().unwrap()) {
                results.push(EditResult {
                    state: EditState::Gone.into(),
                    ..EditResult::default()
                });
                continue;
            }
            let ids = edit.events.iter().map(|event| event.event_id.clone());
            let new = ids.filter(|id| self.events.insert(id.clone())).count();
            results.push(EditResult {
                state: EditState::Applied.into(),
                events_applied: i32::try_from(new).unwrap(),
                events_duplicate: i32::try_from(edit.events.len() - new).unwrap(),
                ..EditResult::default()
            });
        }
        self.applied.push(request);
        ApplyEditsResponse {
            results,
            ..ApplyEditsResponse::default()
        }
    }
}

pub(crate) type Shared = Arc<Mutex<World>>;

pub(crate) struct Fixture {
    pub(crate) world: Shared,
    client: IngestionServiceClient<Peer>,
}

pub(crate) fn project() -> ProjectId {
    ProjectId::from_uuid(Uuid::from_u128(1))
}

pub(crate) fn start() -> Fixture {
    let clock = Clock::system();
    let keys = MasterKey::new([5; 32]);
    let key = CallKey::new(&keys);
    let connector = Connector::new("ingestion", key.clone(), clock.clone());
    let world = Shared::default();
    let deps = Deps {
        coordination: Coordination::in_process(clock.clone()),
        runtime: Runtime {
            clock: clock.clone(),
            ids: IdGen::system(),
            lifecycle: Lifecycle::new(),
            keys,
        },
        identity: connector.local(identity(world.clone())),
        profile_store: connector.local(profile_store(world.clone())),
    };
    let service = Service::new(Config::default(), deps).unwrap();
    let mut routes = tonic::service::Routes::builder();
    service.add_to(&mut routes);
    let served = stack(routes.routes(), Auth::services(key.clone(), clock.clone()));
    Fixture {
        world,
        client: IngestionServiceClient::new(rightful(served, &key, &clock)),
    }
}

fn identity(world: Shared) -> chappe_kit::grpc::Service {
    let resolve = move |request: ResolveRequest| {
        let mut world = world.lock().unwrap();
        let resolutions = request.items.into_iter().map(|item| {
            let Some(Kind::CustomId(id)) = item.identifier.and_then(|identifier| identifier.kind) else {
                return Resolution {
                    state: ResolutionState::UnknownApp.into(),
                    ..Resolution::default()
                };
            };
            if world.blocked.contains(&id) {
                return Resolution {
                    state: ResolutionState::Blocked.into(),
                    ..Resolution::default()
                };
            }
            let known = world.people.get(&id).copied();
            let stale = known.is_some_and(|profile| profile.to_string() == item.retired_profile_id);
            let created = known.is_none() || stale;
            if created {
                world.people.insert(id.clone(), Uuid::new_v4());
            }
            let profile_id = world.people[&id].to_string();
            Resolution {
                state: ResolutionState::Resolved.into(),
                profile_id,
                created,
                custom_id: id,
            }
        });
        let response = ResolveResponse {
            resolutions: resolutions.collect(),
        };
        async move { Ok(response) }
    };
    FakePeer::default()
        .on("/chappe.identity.v1.IdentityService/Resolve", resolve)
        .serve()
}

fn profile_store(world: Shared) -> chappe_kit::grpc::Service {
    let apply = move |request: ApplyEditsRequest| {
        let mut world = world.lock().unwrap();
        let answer = if let Some(fault) = world.faults.pop_front() {
            Err(fault)
        } else {
            Ok(world.apply(request))
        };
        async move { answer }
    };
    FakePeer::default()
        .on("/chappe.profile.v1.ProfileService/ApplyEdits", apply)
        .serve()
}

/// An item with events named by `$id`.
pub(crate) fn item(custom_id: &str, events: &[&str]) -> ProfileUpdate {
    let events: Vec<_> = events
        .iter()
        .map(|id| serde_json::json!({"name": "visit", "$id": id}))
        .collect();
    ProfileUpdate {
        identifier: Some(Identifier {
            kind: Some(Kind::CustomId(custom_id.to_owned())),
        }),
        attributes: None,
        events: Some(serde_json::from_value(serde_json::Value::Array(events)).unwrap()),
    }
}

impl Fixture {
    pub(crate) async fn update(&self, items: Vec<ProfileUpdate>) -> Result<UpdateProfilesResponse, Status> {
        self.send(UpdateProfilesRequest {
            items,
            ..UpdateProfilesRequest::default()
        })
        .await
    }

    pub(crate) async fn send(&self, request: UpdateProfilesRequest) -> Result<UpdateProfilesResponse, Status> {
        Ok(self
            .client
            .clone()
            .update_profiles(call(project(), request))
            .await?
            .into_inner())
    }

    pub(crate) fn rounds(&self) -> usize {
        self.world.lock().unwrap().applied.len()
    }
}
