use std::collections::{BTreeMap, BTreeSet};

use super::support::{Flow, Scene, Signal, until};

const SEED: u64 = 3;
/// Calls between one act and the next.
const MEANWHILE: usize = 10;

type Lanes = [(i64, String, i64)];

#[tokio::test]
async fn replicas_share_the_work_and_one_that_stood_still_writes_nothing_stale() {
    let Some(mut scene) = Scene::new().await else {
        return;
    };
    let first = owners(&lanes(&scene, "the first has all lanes", |lanes| owners(lanes).len() == 1).await);
    scene.replicate(automation::NAME).await;
    let second_sender = scene.replicate(email_sender::NAME).await;
    let mut flow = Flow::start(scene.rest.clone(), SEED);
    let shared = lanes(&scene, "the lanes are shared", |lanes| owners(lanes).len() == 2).await;
    let second: BTreeSet<String> = owners(&shared).difference(&first).cloned().collect();
    let deliveries = async || scene.deliveries(&second_sender).await;
    until("the second of email-sender delivers as well", deliveries, |count| {
        *count > 0
    })
    .await;

    scene.signal(automation::NAME, Signal::Stop).await;
    let moved = lanes(&scene, "the lanes move", |lanes| owners(lanes) == second).await;
    flow.accepted(MEANWHILE).await;
    scene.signal(automation::NAME, Signal::Continue).await;
    let back = lanes(&scene, "the lanes are shared again", |lanes| owners(lanes).len() == 2).await;
    assert_eq!(owners(&back), owners(&shared), "nobody had to start again");
    assert_fenced(&shared, &moved);
    assert_fenced(&moved, &back);
    flow.accepted(MEANWHILE).await;

    let (told, progress) = flow.end().await;
    assert!(progress.refused.is_empty(), "{progress:?}");
    scene.settle("replicas", told).await.assert_exact();
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
