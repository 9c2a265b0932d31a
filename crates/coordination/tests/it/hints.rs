use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::support::{Arm, Shared, on_both_arms};

/// Never waited out: a hint is there or comes soon.
const LONG: Duration = Duration::from_secs(30);

const OFTEN: Duration = Duration::from_millis(10);

on_both_arms!(
    a_hint_before_the_wait_is_not_lost,
    a_hint_wakes_whoever_waits,
    a_hint_wakes_everybody_who_subscribed,
    a_hint_counts_once,
    without_a_hint_the_wait_ends_with_its_time,
    hints_of_another_topic_wake_nobody,
);

async fn a_hint_before_the_wait_is_not_lost(arm: Arm) {
    let mut waiter = arm.coordination.hints.subscribe("feed");
    arm.coordination.hints.notify("feed");
    assert!(waiter.wait(LONG).await);
}

async fn a_hint_wakes_whoever_waits(arm: Arm) {
    let mut waiter = arm.coordination.hints.subscribe("feed");
    let hints = arm.coordination.hints.clone();
    let (woken, ()) = tokio::join!(waiter.wait(LONG), async { hints.notify("feed") });
    assert!(woken);
}

async fn a_hint_wakes_everybody_who_subscribed(arm: Arm) {
    let hints = &arm.coordination.hints;
    let (mut one, mut other) = (hints.subscribe("feed"), hints.subscribe("feed"));
    hints.notify("feed");
    assert!(one.wait(LONG).await);
    assert!(other.wait(LONG).await);
}

async fn a_hint_counts_once(arm: Arm) {
    let hints = &arm.coordination.hints;
    hints.notify("feed");
    let mut waiter = hints.subscribe("feed");
    assert!(
        !waiter.wait(Duration::ZERO).await,
        "what was before subscribing is found by looking"
    );
    hints.notify("feed");
    hints.notify("feed");
    assert!(waiter.wait(LONG).await);
    assert!(
        !waiter.wait(Duration::ZERO).await,
        "two hints at once are one reason to look"
    );
}

async fn without_a_hint_the_wait_ends_with_its_time(arm: Arm) {
    let mut waiter = arm.coordination.hints.subscribe("feed");
    assert!(!waiter.wait(OFTEN).await);
    drop(arm);
    let started = Instant::now();
    assert!(!waiter.wait(OFTEN).await, "nobody is left to give one");
    assert!(started.elapsed() >= OFTEN, "a loop over it would spin");
}

async fn hints_of_another_topic_wake_nobody(arm: Arm) {
    let mut waiter = arm.coordination.hints.subscribe("feed");
    arm.coordination.hints.notify("outbox");
    assert!(!waiter.wait(Duration::ZERO).await);
}

#[tokio::test]
async fn hints_reach_other_replicas_and_do_not_come_back() {
    let Some(shared) = Shared::open().await else { return };
    let (near, far) = (shared.coordination().hints, shared.coordination().hints);
    let mut relays = JoinSet::new();
    for hints in [near.clone(), far.clone()] {
        relays.spawn(async move { hints.relay().await });
    }

    // The subscriptions come up in their own time; until then hints are lost, as they may be.
    let (mut to_far, mut to_near) = (far.subscribe("ping"), near.subscribe("pong"));
    let up = async {
        while !to_far.wait(OFTEN).await {
            near.notify("ping");
        }
        while !to_near.wait(OFTEN).await {
            far.notify("pong");
        }
    };
    timeout(LONG, up).await.expect("hints travel both ways");

    let (mut at_home, mut abroad, mut answer) = (near.subscribe("feed"), far.subscribe("feed"), near.subscribe("done"));
    near.notify("feed");
    assert!(
        at_home.wait(Duration::ZERO).await,
        "woken at once inside its own process"
    );
    assert!(abroad.wait(LONG).await);
    far.notify("done");
    assert!(answer.wait(LONG).await);
    // Had the hint come back to where it is from, it would have done so before the answer to it.
    assert!(!at_home.wait(Duration::ZERO).await, "its own hint came back");
}
