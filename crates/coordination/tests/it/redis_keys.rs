//! What only Redis has: keys with lifetimes, and a cache of scripts that may be emptied.

use std::time::Duration;

use chappe_coordination::{Acquired, Bucket, Coordination, Status};
use chappe_kit::Clock;
use redis::AsyncCommands;

use crate::support::{OwnRedis, Shared, events, project};

const HOUR: Duration = Duration::from_hours(1);

fn bucket() -> Bucket {
    Bucket {
        key: "project:default".to_owned(),
        rate_per_sec: 0.01,
        capacity: 10,
    }
}

#[tokio::test]
async fn every_key_has_a_lifetime() {
    let Some(mut shared) = Shared::open().await else { return };
    let coordination = shared.coordination();
    coordination.dedup.mark(project(), &events::<3>(), HOUR).await;
    let lock = coordination.locks.acquire("scheduler", HOUR).await;
    assert!(matches!(lock, Acquired::Held(_)));
    assert!(coordination.limits.take(&bucket(), 10).await.allowed);
    let never_full = Bucket {
        key: "project:never".to_owned(),
        rate_per_sec: 0.0,
        capacity: u64::MAX,
    };
    assert!(coordination.limits.take(&never_full, 1 << 53).await.allowed);

    let keys = shared.keys().await;
    assert_eq!(keys.len(), 6, "{keys:?}");
    for key in keys {
        let left: i64 = shared.connection.pttl(&key).await.unwrap();
        assert!(left > 0, "{key} stays for ever");
    }
}

#[tokio::test]
async fn scripts_are_loaded_again_after_redis_forgot_them() {
    // Of its own: in a shared one, other tests could lose their scripts between loading and calling them.
    let Some(own) = OwnRedis::start().await else { return };
    let mut connection = own.connection().await.unwrap();
    let coordination = Coordination::connect(&own.config(), Clock::system()).unwrap();
    for left in [7, 4, 1] {
        let mut flush = redis::cmd("SCRIPT");
        flush.arg("FLUSH").exec_async(&mut connection).await.unwrap();
        assert_eq!(coordination.limits.take(&bucket(), 3).await.remaining, left);
    }
    let state: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert_eq!(state, ["chappe:r:{project:default}"], "the answers came from Redis");
}

#[tokio::test]
async fn replicas_share_marks_locks_and_buckets() {
    let Some(shared) = Shared::open().await else { return };
    let (here, there) = (shared.coordination(), shared.coordination());
    let (project, event) = (project(), events::<1>());
    here.dedup.mark(project, &event, HOUR).await;
    assert_eq!(there.dedup.seen(project, &event).await, [true]);
    let Acquired::Held(lock) = here.locks.acquire("scheduler", HOUR).await else {
        panic!("it is free")
    };
    assert!(matches!(there.locks.acquire("scheduler", HOUR).await, Acquired::Taken));
    assert!(here.locks.release(lock).await);
    assert!(here.limits.take(&bucket(), 6).await.allowed);
    assert!(!there.limits.take(&bucket(), 6).await.allowed);
    assert_eq!(there.status().await, Status::Up);
}
