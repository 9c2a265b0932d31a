use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::support::{Flow, LEASE, Scene, Signal, until};

const SEED: u64 = 3;
/// Calls between one act and the next.
const MEANWHILE: usize = 5;
/// How much later than the end of their lease lanes may be seen with a new owner, on a busy machine.
const LATE: Duration = Duration::from_secs(2);
/// What automation counts when the fence refuses a batch.
const FENCED: &str = "chappe_automation_fenced_total";

type Lanes = [(i64, String, i64)];

#[tokio::test]
async fn replicas_of_automation_come_and_go_and_nothing_starts_twice_or_out_of_turn() {
    let Some(mut scene) = Scene::new().await else {
        return;
    };
    let all_first = lanes(&scene, "the first has all lanes", |lanes| owners(lanes).len() == 1).await;
    let first = owners(&all_first);
    let mut flow = Flow::start(scene.rest.clone(), SEED);
    let second_name = scene.replicate(automation::NAME).await;
    let shared = lanes(&scene, "the lanes are shared", |lanes| owners(lanes).len() == 2).await;
    let second: BTreeSet<String> = owners(&shared).difference(&first).cloned().collect();
    assert_fenced(&all_first, &shared);
    flow.accepted(MEANWHILE).await;

    // The first stands still for longer than its lease.
    scene.signal(automation::NAME, Signal::Stop).await;
    let stood = moved(&scene, "the lanes of one that stands still", &second).await;
    let stopped = scene.database.lanes().await;
    assert_fenced(&shared, &stopped);
    flow.accepted(MEANWHILE).await;

    // It goes on, learns nothing, and works with lanes that are not its own any more.
    let refused = stale_work(&scene, &mut flow, &first, &second_name).await;
    let back = lanes(&scene, "the lanes are shared again", |lanes| owners(lanes).len() == 2).await;
    assert_eq!(owners(&back), owners(&shared), "nobody had to start again");
    assert_fenced(&stopped, &back);
    flow.accepted(MEANWHILE).await;

    scene.kill_one(&second_name).await;
    let killed = moved(&scene, "the lanes of one that was killed", &first).await;
    let alone = scene.database.lanes().await;
    assert_fenced(&back, &alone);

    scene.restart(&second_name).await;
    let again = lanes(&scene, "the lanes are shared with a new one", |lanes| {
        owners(lanes).len() == 2
    })
    .await;
    assert_fenced(&alone, &again);
    let new: BTreeSet<String> = owners(&again).difference(&first).cloned().collect();
    scene.end(&second_name).await;
    let left = scene.database.lanes().await;
    assert!(owners(&left).is_disjoint(&new), "SIGTERM gives the lanes back at once");
    flow.accepted(MEANWHILE).await;

    let (told, progress) = flow.end().await;
    println!("churn: lanes moved after {stood:?} (stopped), {killed:?} (killed); stale batches refused: {refused}");
    assert!(progress.refused.is_empty(), "{progress:?}");
    scene.settle("churn", told).await.assert_exact();
    let (entries, events) = scene.database.entries().await;
    println!("churn: {entries} entries of {events} events");
    assert_eq!(entries, events, "no entry starts twice");
    assert_eq!(
        scene.database.out_of_order().await,
        0,
        "each person's events come in their order"
    );
}

/// Waits until these have all lanes, and tells how long that took from now, by the clock of the database.
async fn moved(scene: &Scene, what: &str, owner: &BTreeSet<String>) -> Duration {
    let from = scene.database.now().await;
    lanes(scene, what, |lanes| owners(lanes) == *owner).await;
    let (first, _) = scene.database.leased().await;
    let took = u64::try_from(first.micros() - from.micros()).map(Duration::from_micros);
    let took = took.unwrap_or_default();
    assert!(took <= LEASE + LATE, "{what} took {took:?}");
    took
}

/// The first works on with lanes that the second has taken, while that one stands still. Tells how many of its batches
/// were refused.
async fn stale_work(scene: &Scene, flow: &mut Flow, first: &BTreeSet<String>, second: &str) -> u64 {
    scene.signal(second, Signal::Stop).await;
    // What the second was writing when it stopped is committed or given up.
    let writing = async || scene.database.writing(automation::NAME).await;
    until("nothing is being written", writing, |count| *count == 0).await;
    let unaware = scene.database.keep_unaware(first.first().unwrap()).await;
    let before = (scene.database.processed().await, scene.database.lanes().await);
    scene.signal(automation::NAME, Signal::Continue).await;
    flow.attempted(1).await;
    let refused = async || scene.counted(automation::NAME, FENCED).await;
    let refused = until("stale batches are refused", refused, |count| *count > 0).await;
    let after = (scene.database.processed().await, scene.database.lanes().await);
    assert_eq!(before, after, "what is refused changes nothing");
    unaware.rollback().await.unwrap();
    scene.signal(second, Signal::Continue).await;
    refused
}

async fn lanes(scene: &Scene, what: &str, is_so: impl Fn(&Lanes) -> bool) -> Vec<(i64, String, i64)> {
    until(what, async || scene.database.lanes().await, |lanes| is_so(lanes)).await
}

/// Who has lanes; a free one has the owner zero.
fn owners(lanes: &Lanes) -> BTreeSet<String> {
    let owners = lanes.iter().map(|(_, owner, _)| owner.clone());
    owners
        .filter(|owner| owner.contains(|digit| digit != '0' && digit != '-'))
        .collect()
}

/// A lane with another owner has a higher epoch, which the former owner does not know.
fn assert_fenced(before: &Lanes, after: &Lanes) {
    let before: BTreeMap<_, _> = before
        .iter()
        .map(|(lane, owner, epoch)| (lane, (owner, epoch)))
        .collect();
    for (lane, owner, epoch) in after {
        let (former, former_epoch) = before[lane];
        assert!(
            owner == former || epoch > former_epoch,
            "lane {lane}: {before:?} {after:?}"
        );
    }
}
