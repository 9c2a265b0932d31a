use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    time::Duration,
};

use chappe_ids::ProjectId;
use chappe_kit::{
    Clock,
    grpc::{
        Balancer, CallKey, Peer, call,
        peer::{Connector, with_deadline},
    },
};
use chappe_proto::{
    identity::{
        AuthenticateRequest, ResolveItem, ResolveRequest, authenticate_request::Scope,
        identity_service_client::IdentityServiceClient,
    },
    ingestion::{ProfileUpdate, UpdateProfilesRequest, ingestion_service_client::IngestionServiceClient},
    privacy::{ListRequestsRequest, privacy_service_client::PrivacyServiceClient},
    profile::{GetCountsRequest, profile_service_client::ProfileServiceClient},
    types::{Identifier, RawField, RawObject, RawValue, identifier::Kind, raw_value},
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};
use tonic::{Code, Request, Status};

use super::support::{Flow, SERVICES, Scene};

const SEED: u64 = 8;
/// Calls before the first replacement, between one and the next, and after the last one.
const MEANWHILE: usize = 3;
/// Callers of each method at the same time, and how often each of them calls.
const CALLERS: usize = 2;
const PACE: Duration = Duration::from_millis(10);
const DEADLINE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn every_process_may_be_replaced_without_a_failed_call() {
    let Some(mut scene) = Scene::of_two().await else {
        return;
    };
    let mut flow = Flow::start(scene.rest.clone(), SEED);
    flow.accepted(MEANWHILE).await;
    let load = Load::start(&scene).await;
    let began = Instant::now();
    for service in SERVICES {
        for replica in scene.replicas(service) {
            scene.replace(&replica).await;
            flow.accepted(MEANWHILE).await;
        }
    }
    let took = began.elapsed();
    let tallies = load.end().await;
    let repeated = scene.rest.repeated();
    let (told, progress) = flow.end().await;
    println!(
        "rolling: all processes replaced in {took:?}; REST {progress:?}, sent once more by the client: {repeated}"
    );
    for (method, tally) in &tallies {
        println!("rolling: {method}: {tally:?}");
        assert!(tally.failed.is_empty() && tally.succeeded > 0, "{method}: {tally:?}");
    }
    assert!(progress.refused.is_empty(), "{progress:?}");
    scene.settle("rolling", told).await.assert_exact();
}

/// What became of the calls of one method.
#[derive(Debug, Default)]
struct Tally {
    succeeded: usize,
    failed: HashMap<(Code, String), usize>,
    slowest: Duration,
}

/// Callers of gRPC, with a balancer of their own for each service.
struct Load {
    goes_on: watch::Sender<bool>,
    callers: JoinSet<(&'static str, Tally)>,
}

impl Load {
    async fn start(scene: &Scene) -> Self {
        let connector = Connector::new(gateway::NAME, CallKey::new(&Scene::master_key()), Clock::system());
        let peer = |service: &str| connector.remote(&Balancer::new(service, &scene.addresses(service)).unwrap());
        let identity = IdentityServiceClient::new(peer(identity::NAME));
        let ingestion = IngestionServiceClient::new(peer(ingestion::NAME));
        let profile_store = ProfileServiceClient::new(peer(profile_store::NAME));
        let privacy = PrivacyServiceClient::new(peer(privacy::NAME));
        let project = project(identity.clone(), scene).await;

        let mut load = Self {
            goes_on: watch::Sender::new(true),
            callers: JoinSet::new(),
        };
        for _ in 0..CALLERS {
            let client = identity.clone();
            load.call("Resolve", move |_| {
                let mut client = client.clone();
                async move { client.resolve(timely(project, lookup())).await.map(drop) }
            });
            let client = ingestion.clone();
            load.call("UpdateProfiles", move |n| {
                let mut client = client.clone();
                async move { client.update_profiles(timely(project, update(n))).await.map(drop) }
            });
            let client = profile_store.clone();
            load.call("GetCounts", move |_| {
                let mut client = client.clone();
                async move { client.get_counts(timely(project, GetCountsRequest {})).await.map(drop) }
            });
            let client = privacy.clone();
            load.call("ListRequests", move |_| {
                let mut client = client.clone();
                async move {
                    client
                        .list_requests(timely(project, ListRequestsRequest {}))
                        .await
                        .map(drop)
                }
            });
        }
        load
    }

    fn call<F, Fut>(&mut self, method: &'static str, call: F)
    where
        F: Fn(i64) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), Status>> + Send,
    {
        let goes_on = self.goes_on.subscribe();
        self.callers.spawn(async move {
            let mut tally = Tally::default();
            let mut pace = interval(PACE);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for n in 0.. {
                pace.tick().await;
                if !*goes_on.borrow() {
                    break;
                }
                let began = Instant::now();
                match call(n).await {
                    Ok(()) => tally.succeeded += 1,
                    Err(status) => *tally.failed.entry(of(&status)).or_default() += 1,
                }
                tally.slowest = tally.slowest.max(began.elapsed());
            }
            (method, tally)
        });
    }

    async fn end(self) -> BTreeMap<&'static str, Tally> {
        self.goes_on.send_replace(false);
        let mut tallies: BTreeMap<_, Tally> = BTreeMap::new();
        for (method, tally) in self.callers.join_all().await {
            let sum = tallies.entry(method).or_default();
            sum.succeeded += tally.succeeded;
            sum.slowest = sum.slowest.max(tally.slowest);
            for (failure, count) in tally.failed {
                *sum.failed.entry(failure).or_default() += count;
            }
        }
        tallies
    }
}

fn of(status: &Status) -> (Code, String) {
    (status.code(), status.message().to_owned())
}

fn timely<T>(project: ProjectId, message: T) -> Request<T> {
    with_deadline(call(project, message), DEADLINE)
}

/// The first person of the flow.
fn somebody() -> Identifier {
    let kind = Some(Kind::CustomId("p0".to_owned()));
    Identifier { kind }
}

fn lookup() -> ResolveRequest {
    let item = ResolveItem {
        identifier: Some(somebody()),
        ..ResolveItem::default()
    };
    ResolveRequest {
        items: vec![item],
        lookup_only: true,
    }
}

/// Without a key, so that nobody may do it twice.
fn update(n: i64) -> UpdateProfilesRequest {
    let field = RawField {
        key: "seen".to_owned(),
        value: Some(RawValue {
            kind: Some(raw_value::Kind::IntValue(n)),
        }),
    };
    let item = ProfileUpdate {
        identifier: Some(somebody()),
        attributes: Some(RawValue {
            kind: Some(raw_value::Kind::ObjectValue(RawObject { fields: vec![field] })),
        }),
        events: None,
    };
    UpdateProfilesRequest {
        items: vec![item],
        ..UpdateProfilesRequest::default()
    }
}

async fn project(mut identity: IdentityServiceClient<Peer>, scene: &Scene) -> ProjectId {
    let request = AuthenticateRequest {
        rest_key: scene.rest.key("rest_api_key").to_owned(),
        scope: Some(Scope::ProjectKey(scene.rest.key("project_key").to_owned())),
    };
    let answer = identity.authenticate(Request::new(request)).await.unwrap();
    answer.into_inner().project_id.parse().unwrap()
}
