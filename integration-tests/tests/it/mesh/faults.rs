//! Started wrong, a service says what is wrong and what to do, and heals when the cause does.

use std::time::Duration;

use chappe_store::Db;
use chappe_testkit::TestDb;
use sea_orm::ConnectionTrait as _;
use tokio::{
    io::{AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Instant,
};

use super::{
    redis::Redis,
    support::{Lone, free_port, ran},
};

type Environment = Vec<(&'static str, String)>;

/// The variables that say where peers are.
const PEERS: [(&str, &str); 6] = [
    (identity::NAME, "CHAPPE__PEERS__IDENTITY"),
    (profile_store::NAME, "CHAPPE__PEERS__PROFILE_STORE"),
    (ingestion::NAME, "CHAPPE__PEERS__INGESTION"),
    (automation::NAME, "CHAPPE__PEERS__AUTOMATION"),
    (email_sender::NAME, "CHAPPE__PEERS__EMAIL_SENDER"),
    (privacy::NAME, "CHAPPE__PEERS__PRIVACY"),
];

/// A mesh of which nobody is there but those on these ports.
fn environment(there: &[(&str, u16)]) -> Environment {
    let mut environment = vec![("CHAPPE__KEYS__MASTER", "5e".repeat(32))];
    for (name, variable) in PEERS {
        let known = there.iter().find(|(known, _)| *known == name);
        let port = known.map_or_else(free_port, |(_, port)| *port);
        environment.push((variable, format!("http://127.0.0.1:{port}")));
    }
    environment
}

fn with(environment: &Environment, variable: &'static str, value: impl Into<String>) -> Environment {
    let mut environment = environment.clone();
    environment.retain(|(known, _)| *known != variable);
    environment.push((variable, value.into()));
    environment
}

#[tokio::test]
async fn an_address_that_is_none_ends_the_start_with_its_setting() {
    for wrong in ["identity:50051", "https://identity:50051", "http://identity:port", ""] {
        let environment = with(&environment(&[]), "CHAPPE__PEERS__IDENTITY", wrong);
        let free = ["--rest", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let [rest, any, admin, other] = free;
        let (succeeded, said) = ran(["serve", "gateway", rest, any, admin, other], &environment).await;
        assert!(!succeeded, "{wrong}: {said}");
        for told in ["peers.identity", wrong, "http://host:50051"] {
            assert!(said.contains(told), "{wrong}: {told} is not in {said}");
        }
    }
}

#[tokio::test]
async fn something_else_at_a_peers_address_is_our_fault_and_a_peer_that_is_away_is_not() {
    let port = free_port();
    let mut relay = speaks("220 relay.example ESMTP\r\n", port).await;
    let mut gateway = Lone::new(gateway::NAME, free_port());
    gateway.start(&environment(&[(ingestion::NAME, port)])).await;
    let peer = "peer ingestion";
    let wrong = gateway
        .says(503, peer, "does not speak gRPC; peers.ingestion must say")
        .await;
    assert!(
        wrong.of(peer).contains(&format!("http://127.0.0.1:{port}")),
        "{wrong:?}"
    );

    relay.shutdown().await;
    let mut ingestion = Lone::new(ingestion::NAME, port);
    ingestion.start(&environment(&[])).await;
    gateway.is_well(peer).await;
    gateway.says(200, "peer identity", "degraded: cannot connect to").await;

    ingestion.kill().await;
    let away = gateway.says(200, peer, "degraded: cannot connect to").await;
    assert!(
        away.of(peer).ends_with("start ingestion, or correct peers.ingestion"),
        "{away:?}"
    );
    assert_eq!(gateway.healthcheck().await, (true, away.text));
    let told = gateway.log(peer);
    let wells = told.iter().filter(|line| line.ends_with("well again")).count();
    assert_eq!((told.len(), wells), (3, 1), "{told:#?}");
}

#[tokio::test]
async fn another_service_at_a_peers_address_is_told_apart() {
    let mut ingestion = Lone::new(ingestion::NAME, free_port());
    ingestion.start(&environment(&[])).await;
    let right = [(ingestion::NAME, ingestion.port)];
    let mut gateway = Lone::new(gateway::NAME, free_port());
    gateway
        .start(&environment(&[right[0], (identity::NAME, ingestion.port)]))
        .await;
    let told = format!(
        "failed: another service answers at http://127.0.0.1:{}; peers.identity",
        ingestion.port
    );
    gateway.says(503, "peer identity", &told).await;
    gateway.says(503, "peer ingestion", "ok").await;
    gateway.start(&environment(&right)).await;
    gateway.is_well("peer ingestion").await;
}

#[tokio::test]
async fn a_schema_of_another_version_is_told() {
    let Some(url) = empty_database().await else { return };
    let mut identity = Lone::new(identity::NAME, free_port());
    let environment = with(&environment(&[]), "CHAPPE__DATABASE__URL", &*url);
    identity.start(&environment).await;
    let schema = "schema identity";
    let old = identity
        .says(
            503,
            schema,
            "failed: the schema lacks m0001_initial; run chappe migrate",
        )
        .await;
    assert!(identity.is_live().await);
    assert_eq!(identity.healthcheck().await, (false, old.text));
    assert_eq!(identity.log(schema).len(), 1);
    let (succeeded, said) = ran(["migrate", "--service", "identity"], &environment).await;
    assert!(succeeded, "{said}");
    identity.is_well(schema).await;

    let step = async |statement: &str| {
        let db = Db::connect(&url, identity::NAME, 1).await.unwrap();
        db.read().execute_unprepared(statement).await.unwrap();
    };
    step("insert into seaql_migrations (version, applied_at) values ('m9998_later', 0)").await;
    identity.start(&environment).await;
    identity
        .says(200, schema, "degraded: the schema has m9998_later of a newer version")
        .await;
    let (succeeded, said) = ran(["migrate", "--service", "identity"], &environment).await;
    assert!(succeeded, "{said}");

    step("insert into seaql_migrations (version, applied_at) values ('m9999_last_breaking', 0)").await;
    identity.start(&environment).await;
    identity
        .says(
            503,
            schema,
            "failed: the schema has m9999_last_breaking of a newer version",
        )
        .await;
    step("delete from seaql_migrations where version > 'm9'").await;
    identity.is_well(schema).await;
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_told_and_waited_for() {
    let Some(url) = empty_database().await else { return };
    let server = chappe_store::postgres_server(&url).unwrap();
    let port = free_port();
    let missing = format!("{}_2", url.rsplit('=').next().unwrap());
    let here = format!("127.0.0.1:{port}");
    let url = format!("{}_2", url.replace(&server, &here));
    let environment = with(&environment(&[]), "CHAPPE__DATABASE__URL", &*url);
    let mut identity = Lone::new(identity::NAME, free_port());
    identity.start(&environment).await;
    let database = "database identity";
    let away = identity.says(503, database, "Connection refused").await;
    for told in [&here, "look at database.url (--database-url) and at the server"] {
        assert!(away.of(database).contains(told), "{told} is not in {away:?}");
    }
    assert!(identity.is_live().await);
    let began = Instant::now();
    let (succeeded, said) = ran(["migrate"], &environment).await;
    assert!(!succeeded && said.contains("Connection refused"), "{said}");
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "not patient: {:?}",
        began.elapsed()
    );

    let _forwarder = forward(port, server).await;
    identity
        .says(503, database, &format!("database \"{missing}\" does not exist"))
        .await;
    let test = TestDb::postgres("faults").await.unwrap();
    let create = format!("create database {missing}");
    test.db().read().execute_unprepared(&create).await.unwrap();
    identity.says(503, "schema identity", "run chappe migrate").await;
    let (succeeded, said) = ran(["migrate", "--service", "identity"], &environment).await;
    assert!(succeeded, "{said}");
    identity.is_well(database).await;
    let told = identity.log(database);
    assert_eq!(told.len(), 3, "one for each cause, one for its end: {told:#?}");
}

#[tokio::test]
async fn a_key_of_another_mesh_is_told() {
    let Some(url) = empty_database().await else { return };
    let mut identity = Lone::new(identity::NAME, free_port());
    let right = with(
        &environment(&[(identity::NAME, identity.port)]),
        "CHAPPE__DATABASE__URL",
        url,
    );
    let wrong = with(&right, "CHAPPE__KEYS__MASTER", "66".repeat(32));
    let (succeeded, said) = ran(["migrate", "--service", "identity"], &right).await;
    assert!(succeeded, "{said}");

    identity.start(&wrong).await;
    let told = identity
        .says(503, "key identity", "was written under another keys.master")
        .await;
    assert!(
        told.of("key identity").contains("CHAPPE__KEYS__MASTER_FILE"),
        "{told:?}"
    );
    let (succeeded, said) = ran(["migrate", "--service", "identity"], &wrong).await;
    assert!(!succeeded && said.contains("another master key"), "{said}");
    identity.start(&right).await;
    identity.is_well("key identity").await;

    // It keeps nothing, so it has to hear it from others.
    let mut ingestion = Lone::new(ingestion::NAME, free_port());
    ingestion.start(&wrong).await;
    let told = ingestion.says(503, "peer identity", "their keys differ").await;
    assert!(told.of("peer identity").contains("the same keys.master"), "{told:?}");
    ingestion.start(&right).await;
    ingestion.is_well("peer identity").await;
}

#[tokio::test]
async fn a_redis_that_is_away_is_told_once_and_nobody_waits_for_it() {
    let port = free_port();
    let mut ingestion = Lone::new(ingestion::NAME, free_port());
    let url = format!("redis://127.0.0.1:{port}");
    ingestion
        .start(&with(&environment(&[]), "CHAPPE__COORDINATION__REDIS_URL", url))
        .await;
    let told = ingestion.says(200, "redis", "degraded: going on without Redis").await;
    assert!(told.of("redis").contains("coordination.redis_url"), "{told:?}");
    let redis = Redis::start(port).await;
    ingestion.is_well("redis").await;
    let told = ingestion.log("redis");
    assert_eq!(told.len(), 2, "{told:#?}");
    drop(redis);
}

async fn empty_database() -> Option<String> {
    let test = TestDb::postgres("faults").await?;
    test.empty_database().await
}

/// Something that is no service of a mesh: says one thing to everybody.
async fn speaks(greeting: &'static str, port: u16) -> JoinSet<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            // Whoever hangs up first does not matter here.
            drop(stream.write_all(greeting.as_bytes()).await);
        }
    });
    server
}

/// Makes a server reachable on a port.
async fn forward(port: u16, server: String) -> JoinSet<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let mut forwarder = JoinSet::new();
    forwarder.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut from, _) = listener.accept().await.unwrap();
            let mut to = TcpStream::connect(&server).await.unwrap();
            // Either side may break it off.
            connections.spawn(async move { drop(copy_bidirectional(&mut from, &mut to).await) });
        }
    });
    forwarder
}
