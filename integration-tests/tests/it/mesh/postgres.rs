use std::time::Duration;

use chappe_ids::ProjectId;
use chappe_kit::{Clock, Error, ErrorKind, grpc::CallKey};
use chappe_proto::profile::{GetCountsRequest, profile_service_client::ProfileServiceClient};
use tokio::time::Instant;
use tonic::{Code, Request, Status, transport::Endpoint};
use uuid::Uuid;

use super::support::{Database, Flow, Postgres, SERVICES, Scene, until};

const SEED: u64 = 6;
/// Calls between one act and the next.
const MEANWHILE: usize = 5;
/// Longer than any deadline inside the mesh.
const LONGEST_CALL: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_postgresql_that_crashes_or_stands_still_costs_callers_a_repetition_and_nobody_a_restart() {
    let Some(mut postgres) = Postgres::start().await else {
        return;
    };
    let Some(scene) = Scene::with_database(Database::of(postgres.url()).await).await else {
        return;
    };
    let mut flow = Flow::start(scene.rest.clone(), SEED);
    flow.accepted(MEANWHILE).await;

    postgres.crash().await;
    let unready = all(&scene, "without PostgreSQL", false).await;
    flow.attempted(1).await;
    let refused = raw_call(&scene).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    let refused = Error::from(refused);
    assert!(
        refused.kind() == ErrorKind::Unavailable && refused.retry_delay().is_some(),
        "{refused:?}"
    );
    postgres.recover().await;
    let ready = all(&scene, "after the crash", true).await;
    flow.accepted(MEANWHILE).await;

    let standstill = postgres.stand_still().await;
    let still = all(&scene, "while PostgreSQL stands still", false).await;
    let began = Instant::now();
    let ended = raw_call(&scene).await.unwrap_err();
    let waited = began.elapsed();
    assert!(
        matches!(ended.code(), Code::Unavailable | Code::DeadlineExceeded),
        "{ended:?}"
    );
    assert!(waited < LONGEST_CALL, "{waited:?}");
    standstill.end().await;
    let again = all(&scene, "when PostgreSQL goes on", true).await;
    flow.accepted(MEANWHILE).await;

    let (told, progress) = flow.end().await;
    println!(
        "postgres: not ready {unready:?} after the crash and ready {ready:?} after its end; not ready {still:?} after it \
         stood still, a call then ended after {waited:?} with {:?}, ready {again:?} after it went on; calls {progress:?}",
        ended.code()
    );
    for answer in progress.refused.keys() {
        assert!(answer.is_unavailable(), "{progress:?}");
    }
    scene.settle("postgres", told).await.assert_exact();
}

/// Those without a database of their own.
const STATELESS: [&str; 2] = [gateway::NAME, ingestion::NAME];

/// Waits until every process with a database says that it is ready, or that it is not, and tells how long that took.
/// All of them live, and the others are ready.
async fn all(scene: &Scene, when: &str, ready: bool) -> Duration {
    let began = Instant::now();
    for service in SERVICES {
        let is_ready = ready || STATELESS.contains(&service);
        let readiness = async || scene.readiness(service).await;
        let (_, text) = until(&format!("{service} {when}"), readiness, |(yes, _)| *yes == is_ready).await;
        assert!(is_ready || text.contains("database"), "{service} {when}: {text}");
        assert!(scene.is_alive(service).await, "{service} {when}");
    }
    let took = began.elapsed();
    assert_eq!(scene.is_healthy(identity::NAME).await, ready, "the health check {when}");
    took
}

/// One call over one connection, as the gateway would make it, without what our own client does about failures.
async fn raw_call(scene: &Scene) -> Result<(), Status> {
    let mut request = Request::new(GetCountsRequest {});
    request.set_timeout(LONGEST_CALL);
    let project = ProjectId::from_uuid(Uuid::nil());
    let token = CallKey::new(&Scene::master_key()).mint(gateway::NAME, Some(project), Clock::system().now());
    request.metadata_mut().insert("x-chappe-call", token.parse().unwrap());
    let address = scene.addresses(profile_store::NAME);
    let channel = Endpoint::from_shared(address).unwrap().connect().await.unwrap();
    ProfileServiceClient::new(channel).get_counts(request).await.map(drop)
}
