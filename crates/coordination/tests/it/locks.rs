use std::time::Duration;

use chappe_coordination::{Acquired, LockGuard, Locks};
use tokio::task::JoinSet;

use crate::support::{Arm, on_both_arms};

const LEASE: Duration = Duration::from_secs(30);

on_both_arms!(
    a_held_lock_excludes_everybody_until_it_is_released,
    of_many_at_once_one_gets_the_lock,
    a_lock_that_is_over_can_be_taken,
    whoever_lost_a_lock_can_neither_release_nor_extend_it,
    a_lock_lives_on_while_it_is_extended,
    locks_of_other_names_are_free,
);

async fn acquire(locks: &Locks, name: &str) -> LockGuard {
    match locks.acquire(name, LEASE).await {
        Acquired::Held(lock) => lock,
        other => panic!("{name} is not free: {other:?}"),
    }
}

async fn is_taken(locks: &Locks, name: &str) -> bool {
    matches!(locks.acquire(name, LEASE).await, Acquired::Taken)
}

async fn a_held_lock_excludes_everybody_until_it_is_released(arm: Arm) {
    let locks = &arm.coordination.locks;
    let lock = acquire(locks, "scheduler").await;
    assert_eq!(lock.name(), "scheduler");
    assert!(is_taken(locks, "scheduler").await);
    assert!(locks.release(lock).await);
    let _again = acquire(locks, "scheduler").await;
}

async fn of_many_at_once_one_gets_the_lock(arm: Arm) {
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let locks = arm.coordination.locks.clone();
        callers.spawn(async move { locks.acquire("scheduler", LEASE).await });
    }
    let answers = callers.join_all().await;
    let held = answers
        .iter()
        .filter(|answer| matches!(answer, Acquired::Held(_)))
        .count();
    let taken = answers
        .iter()
        .filter(|answer| matches!(answer, Acquired::Taken))
        .count();
    assert_eq!((held, taken), (1, 49));
}

async fn a_lock_that_is_over_can_be_taken(mut arm: Arm) {
    let locks = arm.coordination.locks.clone();
    let _forgotten = acquire(&locks, "scheduler").await;
    arm.pass(LEASE / 2).await;
    assert!(is_taken(&locks, "scheduler").await);
    arm.pass(LEASE / 2).await;
    let _next = acquire(&locks, "scheduler").await;
}

async fn whoever_lost_a_lock_can_neither_release_nor_extend_it(mut arm: Arm) {
    let locks = arm.coordination.locks.clone();
    let lost = acquire(&locks, "scheduler").await;
    arm.pass(LEASE).await;
    assert!(!locks.extend(&lost, LEASE).await, "nobody holds it, yet it is over");
    let next = acquire(&locks, "scheduler").await;
    assert!(!locks.extend(&lost, LEASE).await);
    assert!(!locks.release(lost).await);
    assert!(is_taken(&locks, "scheduler").await, "the next holder still has it");
    assert!(locks.release(next).await);
}

async fn a_lock_lives_on_while_it_is_extended(mut arm: Arm) {
    let locks = arm.coordination.locks.clone();
    let lock = acquire(&locks, "scheduler").await;
    for _ in 0..5 {
        arm.pass(LEASE / 2).await;
        assert!(locks.extend(&lock, LEASE).await);
    }
    assert!(is_taken(&locks, "scheduler").await);
}

async fn locks_of_other_names_are_free(arm: Arm) {
    let _one = acquire(&arm.coordination.locks, "scheduler").await;
    let _other = acquire(&arm.coordination.locks, "inactivity").await;
}
