use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tonic::service::Routes;

use super::*;
use crate::{
    Lifecycle, MasterKey,
    grpc::{
        CallKey,
        layer::{Auth, stack},
        peer::Connector,
        server,
    },
    health::Builder,
    lifecycle::TaskKind,
    skew::{MAX_SKEW, Witness},
};

const SOUGHT: &str = "chappe.identity.v1.IdentityService";
const KEY: [u8; 32] = [7; 32];

/// A server of the mesh on a port of its own, until its lifecycle stops.
struct There {
    address: String,
    lifecycle: Lifecycle,
    witness: Witness,
}

impl Drop for There {
    fn drop(&mut self) {
        self.lifecycle.stop();
    }
}

async fn there(full_name: &str, is_ready: bool) -> There {
    let (health, service) = Builder::default().service(full_name).build().await;
    if is_ready {
        health.started().await;
    }
    let (lifecycle, witness) = (Lifecycle::new(), Witness::default());
    let auth = Auth::services(CallKey::new(&MasterKey::new(KEY)), Clock::system()).noting(witness.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let served = server::serve(listener, stack(Routes::new(service), auth), lifecycle.clone());
    lifecycle.spawn(TaskKind::Work, "server", served);
    There {
        address,
        lifecycle,
        witness,
    }
}

async fn asked(address: &str, key: [u8; 32], clock: Clock) -> Answer {
    let connector = Connector::new("ingestion", CallKey::new(&MasterKey::new(key)), clock.clone());
    ask(&connector, address, SOUGHT, &clock).await
}

/// A clock that is off, and stands still.
fn off(by: i64) -> Clock {
    Clock::manual(Clock::system().now().to_utc() + chrono::TimeDelta::seconds(by))
}

#[tokio::test]
async fn the_service_that_is_looked_for_tells_its_time_as_well() {
    let there = there(SOUGHT, true).await;
    let Answer::Ready(Some(skew)) = asked(&there.address, KEY, Clock::system()).await else {
        panic!("not ready, or without a date");
    };
    assert_eq!(skew.size(), Duration::ZERO);
    assert!(there.witness.agreed_within(MAX_SKEW));
    let Answer::Ready(Some(skew)) = asked(&there.address, KEY, off(30)).await else {
        panic!("within what is tolerated");
    };
    assert!((28.0..=31.0).contains(&skew.seconds()), "{skew}");
}

#[tokio::test]
async fn one_that_is_not_ready_is_there_all_the_same() {
    let there = there(SOUGHT, false).await;
    assert_eq!(asked(&there.address, KEY, Clock::system()).await, Answer::Unready);
}

#[tokio::test]
async fn another_service_is_told_from_the_one_that_is_looked_for() {
    let there = there("chappe.privacy.v1.PrivacyService", true).await;
    let told = format!("another service answers at {}", there.address);
    assert_eq!(asked(&there.address, KEY, Clock::system()).await, Answer::Other(told));
}

#[tokio::test]
async fn keys_and_clocks_that_differ_are_told_apart() {
    let there = there(SOUGHT, true).await;
    assert_eq!(
        asked(&there.address, [8; 32], Clock::system()).await,
        Answer::KeysDiffer
    );
    for (by, told) in [(3_600, "60 min ahead of"), (-3_600, "60 min behind")] {
        let answer = asked(&there.address, KEY, off(by)).await;
        let Answer::ClocksDiffer(Some(skew)) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(skew.to_string(), told);
    }
    assert!(!there.witness.agreed_within(MAX_SKEW));
}

#[tokio::test]
async fn nobody_is_told_with_the_cause() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", taken.local_addr().unwrap());
    drop(taken);
    let nobody = asked(&address, KEY, Clock::system()).await;
    assert!(
        matches!(&nobody, Answer::Nobody(why) if why.starts_with(&format!("cannot connect to {address}: "))),
        "{nobody:?}"
    );
}

#[tokio::test]
async fn what_speaks_something_else_is_told() {
    for greeting in ["HTTP/1.1 400 Bad Request\r\n\r\n", "220 relay.example ESMTP\r\n", ""] {
        let address = format!("http://{}", greets(greeting).await);
        let told = format!("what answers at {address} does not speak gRPC");
        assert_eq!(
            asked(&address, KEY, Clock::system()).await,
            Answer::Other(told),
            "{greeting}"
        );
    }
}

/// Says one thing to everybody, and hangs up.
async fn greets(greeting: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    Lifecycle::new().spawn(TaskKind::Work, "greeter", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Whoever hangs up first does not matter here.
            drop(stream.write_all(greeting.as_bytes()).await);
            drop(stream.read(&mut [0; 64]).await);
        }
    });
    address
}
