//! Redis lost is speed lost: no call fails, and nothing of ours is started again.

use std::time::Duration;

use chappe_coordination::{Acquired, Bucket, Coordination, CoordinationConfig, Status};
use chappe_kit::Clock;
use chrono::{DateTime, TimeDelta};
use tokio::{net::TcpListener, time::Instant};

use crate::support::{OwnRedis, closed_port, events, eventually, project};

const HOUR: Duration = Duration::from_hours(1);

fn at_port(port: u16) -> CoordinationConfig {
    CoordinationConfig {
        redis_url: format!("redis://127.0.0.1:{port}").into(),
        ..CoordinationConfig::default()
    }
}

fn bucket() -> Bucket {
    Bucket {
        key: "project:default".to_owned(),
        rate_per_sec: 0.01,
        capacity: 10,
    }
}

/// Every accelerator follows its policy.
async fn assert_open(coordination: &Coordination) {
    let (project, events) = (project(), events::<3>());
    coordination.dedup.mark(project, &events, HOUR).await;
    assert_eq!(coordination.dedup.seen(project, &events).await, [false; 3]);
    let lock = coordination.locks.acquire("scheduler", HOUR).await;
    assert!(matches!(lock, Acquired::Unavailable), "{lock:?}");
    let mut waiter = coordination.hints.subscribe("feed");
    coordination.hints.notify("feed");
    assert!(waiter.wait(HOUR).await, "hints inside the process need no Redis");
}

#[tokio::test]
async fn without_redis_from_the_start_everything_follows_its_policy() {
    let clock = Clock::manual(DateTime::UNIX_EPOCH);
    let (_kept, port) = closed_port();
    let coordination = Coordination::connect(&at_port(port), clock.clone()).unwrap();
    assert_open(&coordination).await;
    let status = coordination.status().await;
    assert!(
        matches!(&status, Status::Down(cause) if !cause.is_empty()),
        "{status:?}"
    );
    assert_eq!(
        coordination.status().await,
        status,
        "the cause stays while Redis is left alone"
    );

    let alone = Coordination::in_process(clock.clone());
    assert_eq!(alone.status().await, Status::InProcess);
    for (wait, cost) in [(0, 4), (0, 7), (50, 7), (50, 7), (0, 11), (10_000, 0)] {
        clock.advance(TimeDelta::seconds(wait));
        assert_eq!(
            coordination.limits.take(&bucket(), cost).await,
            alone.limits.take(&bucket(), cost).await,
            "the local bucket is of the same size"
        );
    }
}

#[tokio::test]
async fn a_redis_that_hangs_costs_one_timeout_and_then_nothing() {
    // The kernel accepts, and nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = at_port(silent.local_addr().unwrap().port());
    let coordination = Coordination::connect(&config, Clock::system()).unwrap();
    let (project, event) = (project(), events::<1>());

    let started = Instant::now();
    assert_eq!(coordination.dedup.seen(project, &event).await, [false]);
    assert!(started.elapsed() >= Duration::from_millis(config.timeout_ms));

    let started = Instant::now();
    for _ in 0..100 {
        assert_eq!(coordination.dedup.seen(project, &event).await, [false]);
    }
    // Each of them waiting would be five seconds.
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_open(&coordination).await;
}

#[tokio::test]
async fn a_redis_that_was_killed_and_is_back_empty_is_used_again() {
    let Some(mut own) = OwnRedis::start().await else { return };
    let coordination = Coordination::connect(&own.config(), Clock::system()).unwrap();
    let (project, event) = (project(), events::<1>());
    coordination.dedup.mark(project, &event, HOUR).await;
    assert_eq!(coordination.dedup.seen(project, &event).await, [true]);
    let Acquired::Held(lock) = coordination.locks.acquire("scheduler", HOUR).await else {
        panic!("it is free")
    };
    assert_eq!(coordination.limits.take(&bucket(), 4).await.remaining, 6);

    own.kill().await;
    assert_open(&coordination).await;
    assert!(
        !coordination.locks.extend(&lock, HOUR).await,
        "what cannot be confirmed is not held"
    );
    assert_eq!(
        coordination.limits.take(&bucket(), 9).await.remaining,
        1,
        "a local bucket, full at first"
    );

    own.restart().await;
    eventually("the connections are back", async || {
        coordination.status().await == Status::Up
    })
    .await;
    assert_eq!(coordination.dedup.seen(project, &event).await, [false], "it is empty");
    coordination.dedup.mark(project, &event, HOUR).await;
    assert_eq!(coordination.dedup.seen(project, &event).await, [true]);
    assert!(!coordination.locks.release(lock).await, "the lock was lost with Redis");
    assert!(matches!(
        coordination.locks.acquire("scheduler", HOUR).await,
        Acquired::Held(_)
    ));
    assert_eq!(coordination.limits.take(&bucket(), 4).await.remaining, 6);
}

#[tokio::test]
async fn a_restart_while_nobody_asked_is_not_noticed() {
    let Some(mut own) = OwnRedis::start().await else { return };
    let coordination = Coordination::connect(&own.config(), Clock::system()).unwrap();
    let (project, event) = (project(), events::<1>());
    coordination.dedup.mark(project, &event, HOUR).await;
    own.kill().await;
    own.restart().await;
    coordination.dedup.mark(project, &event, HOUR).await;
    assert_eq!(coordination.dedup.seen(project, &event).await, [true]);
}

#[tokio::test]
async fn a_redis_that_is_full_counts_as_down() {
    let Some(own) = OwnRedis::start().await else { return };
    let mut connection = own.connection().await.unwrap();
    for (name, value) in [("maxmemory-policy", "noeviction"), ("maxmemory", "1")] {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET")
            .arg(name)
            .arg(value)
            .exec_async(&mut connection)
            .await
            .unwrap();
    }
    let coordination = Coordination::connect(&own.config(), Clock::system()).unwrap();
    assert_open(&coordination).await;
    assert_eq!(coordination.limits.take(&bucket(), 4).await.remaining, 6);
    assert!(
        !coordination.limits.take(&bucket(), 7).await.allowed,
        "the local bucket counts"
    );
}
