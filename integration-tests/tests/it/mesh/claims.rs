use std::time::Duration;

use super::support::{Flow, LEASE, Scene, Signal, until};

const SEED: u64 = 9;
/// Calls before the first act, and after the last one.
const MEANWHILE: usize = 5;
/// Messages that wait before the relay begins to answer.
const BACKLOG: i64 = 30;
/// More claims than one process has at a time.
const CLAIMS_OF_BOTH: i64 = 4;
/// How often claims that ran out are looked for, and then some on a busy machine.
const LATE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn claims_of_a_sender_that_stops_or_dies_are_another_ones_work_once() {
    let Some(mut scene) = Scene::with_small_batches().await else {
        return;
    };
    let dies = scene.replicate(email_sender::NAME).await;
    let mut flow = Flow::start(scene.rest.clone(), SEED);
    flow.accepted(MEANWHILE).await;
    scene.inbox.hold();
    let claims = async || scene.database.claims().await;
    until("messages wait", claims, |claims| claims.queued >= BACKLOG).await;
    // Who claims a message waits for its profile now, with the claim in hand.
    let profiles = scene.database.lock_profiles().await;
    let both_hold = async || {
        let seen = scene.database.claims().await;
        if seen.batches < CLAIMS_OF_BOTH {
            scene.inbox.answer(1);
        }
        seen
    };
    let held = until("both hold claims", both_hold, |seen| {
        seen.batches >= CLAIMS_OF_BOTH && seen.attempting > 0
    })
    .await;
    scene.signal(email_sender::NAME, Signal::Stop).await;
    scene.kill_one(&dies).await;
    let ended = scene.database.now().await;
    let ambiguous = scene.database.attempting().await;
    profiles.rollback().await.unwrap();
    scene.inbox.answer_all();

    scene.restart(&dies).await;
    let others = async || scene.database.held_at(ended).await;
    until("the claims of both are given to the new one", others, |count| {
        *count == 0
    })
    .await;
    let took = Duration::from_micros(u64::try_from(scene.database.now().await.micros() - ended.micros()).unwrap());
    scene.signal(email_sender::NAME, Signal::Continue).await;
    flow.accepted(MEANWHILE).await;

    // SIGTERM gives back or finishes what is in hand.
    scene.end(&dies).await;
    scene.end(email_sender::NAME).await;
    let left = scene.database.claims().await;
    scene.restart(email_sender::NAME).await;
    let (told, progress) = flow.end().await;
    let ledger = scene.settle("claims", told).await;
    let unknown = scene.database.unknown().await;
    println!(
        "claims: {held:?} when one stopped and one died, in delivery {}, settled after {took:?}, unknown since {}, \
         left by SIGTERM {left:?}; calls {progress:?}",
        ambiguous.len(),
        unknown.len()
    );
    assert!(took <= LEASE + LATE, "{took:?}");
    assert_eq!((left.claimed, left.attempting), (0, 0));
    ledger.assert_exact_except(&ambiguous, &unknown);
}
