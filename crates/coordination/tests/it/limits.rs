use std::time::Duration;

use chappe_coordination::{Bucket, Decision};
use tokio::task::JoinSet;

use crate::support::{Arm, on_both_arms};

on_both_arms!(
    a_bucket_starts_full_and_refuses_what_is_not_there,
    a_refused_call_takes_nothing,
    tokens_flow_in_continuously_up_to_the_capacity,
    waiting_as_long_as_told_is_enough,
    what_never_fits_is_refused_without_a_time,
    a_cost_of_nothing_only_reads,
    a_hundred_at_once_never_get_more_than_the_bucket_holds,
    buckets_do_not_share,
    a_bucket_that_was_made_smaller_holds_less,
);

/// Ten tokens, one every hundred seconds: what flows in while a test runs is no whole token.
fn bucket() -> Bucket {
    Bucket {
        key: "project:default".to_owned(),
        rate_per_sec: 0.01,
        capacity: 10,
    }
}

/// Redis has its own clock, which goes on while the test runs.
#[track_caller]
fn assert_about(actual: Duration, seconds: u64) {
    let expected = Duration::from_secs(seconds);
    assert!(
        actual <= expected && actual > expected.saturating_sub(Duration::from_secs(30)),
        "{actual:?} is not about {expected:?}"
    );
}

async fn a_bucket_starts_full_and_refuses_what_is_not_there(arm: Arm) {
    let limits = &arm.coordination.limits;
    let Decision {
        allowed,
        remaining,
        reset_after,
        retry_after,
    } = limits.take(&bucket(), 4).await;
    assert!(allowed);
    assert_eq!((remaining, retry_after), (6, None));
    assert_about(reset_after, 400);

    let refused = limits.take(&bucket(), 7).await;
    assert!(!refused.allowed);
    assert_eq!(refused.remaining, 6);
    assert_about(refused.retry_after.unwrap(), 100);
    assert_about(refused.reset_after, 400);
}

async fn a_refused_call_takes_nothing(arm: Arm) {
    let limits = &arm.coordination.limits;
    assert!(limits.take(&bucket(), 8).await.allowed);
    for _ in 0..5 {
        let refused = limits.take(&bucket(), 3).await;
        assert!(!refused.allowed);
        assert_about(refused.retry_after.unwrap(), 100);
    }
    assert!(limits.take(&bucket(), 2).await.allowed);
}

async fn tokens_flow_in_continuously_up_to_the_capacity(mut arm: Arm) {
    let limits = arm.coordination.limits.clone();
    assert!(limits.take(&bucket(), 10).await.allowed);
    arm.pass(Duration::from_secs(50)).await;
    assert!(!limits.take(&bucket(), 1).await.allowed, "half a token is none");
    arm.pass(Duration::from_secs(50)).await;
    assert!(limits.take(&bucket(), 1).await.allowed, "two halves are one");
    arm.pass(Duration::from_mins(5)).await;
    assert_eq!(limits.take(&bucket(), 0).await.remaining, 3);
    arm.pass(Duration::from_secs(1_000_000)).await;
    let full = limits.take(&bucket(), 0).await;
    assert_eq!((full.remaining, full.reset_after), (10, Duration::ZERO));
}

async fn waiting_as_long_as_told_is_enough(mut arm: Arm) {
    let limits = arm.coordination.limits.clone();
    let bucket = Bucket {
        rate_per_sec: 0.03,
        ..bucket()
    };
    assert!(limits.take(&bucket, 9).await.allowed);
    for cost in [3, 10, 7] {
        let refused = limits.take(&bucket, cost).await;
        assert!(!refused.allowed);
        arm.pass(refused.retry_after.unwrap() + Duration::from_millis(1)).await;
        assert!(limits.take(&bucket, cost).await.allowed);
    }
}

async fn what_never_fits_is_refused_without_a_time(arm: Arm) {
    let limits = &arm.coordination.limits;
    let refused = limits.take(&bucket(), 11).await;
    assert!(!refused.allowed);
    assert_eq!((refused.remaining, refused.retry_after), (10, None));
    assert!(limits.take(&bucket(), 10).await.allowed, "nothing was taken");
}

async fn a_cost_of_nothing_only_reads(arm: Arm) {
    let limits = &arm.coordination.limits;
    assert!(limits.take(&bucket(), 10).await.allowed);
    let read = limits.take(&bucket(), 0).await;
    assert!(read.allowed);
    assert_eq!(read.remaining, 0);
    assert_about(read.reset_after, 1_000);
}

async fn a_hundred_at_once_never_get_more_than_the_bucket_holds(arm: Arm) {
    let bucket = Bucket {
        capacity: 40,
        ..bucket()
    };
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let (limits, bucket) = (arm.coordination.limits.clone(), bucket.clone());
        callers.spawn(async move { limits.take(&bucket, 1).await });
    }
    let decisions = callers.join_all().await;
    let mut remaining: Vec<_> = decisions
        .iter()
        .filter(|decision| decision.allowed)
        .map(|decision| decision.remaining)
        .collect();
    remaining.sort_unstable();
    let each_once: Vec<_> = (0..40).collect();
    assert_eq!(remaining, each_once);
}

async fn buckets_do_not_share(arm: Arm) {
    let limits = &arm.coordination.limits;
    assert!(limits.take(&bucket(), 10).await.allowed);
    let other = Bucket {
        key: "other:default".to_owned(),
        ..bucket()
    };
    assert!(limits.take(&other, 10).await.allowed);
}

async fn a_bucket_that_was_made_smaller_holds_less(arm: Arm) {
    let limits = &arm.coordination.limits;
    assert!(limits.take(&bucket(), 1).await.allowed);
    let smaller = Bucket {
        capacity: 5,
        ..bucket()
    };
    assert_eq!(limits.take(&smaller, 5).await.remaining, 0);
}
