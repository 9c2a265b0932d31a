use std::time::Duration;

use tokio::time::interval;

use super::support::{Flow, Scene};

const SEED: u64 = 5;
/// Calls before the connections are cut, and afterwards.
const CALLS: usize = 10;
const CUTS: usize = 30;
/// Often enough to meet calls, mails and batches on their way.
const PACE: Duration = Duration::from_millis(70);

#[tokio::test]
async fn cut_connections_to_the_database_cost_callers_a_repetition_at_most() {
    let Some(scene) = Scene::new().await else {
        return;
    };
    let mut flow = Flow::start(scene.rest.clone(), SEED);
    flow.accepted(CALLS).await;
    let mut cut = 0;
    let mut pace = interval(PACE);
    for _ in 0..CUTS {
        pace.tick().await;
        cut += scene.database.cut().await;
    }
    flow.accepted(CALLS).await;

    let (told, progress) = flow.end().await;
    println!("cut: {cut} connections; calls {progress:?}");
    assert!(cut > 0);
    for answer in progress.refused.keys() {
        assert!(answer.is_unavailable(), "{progress:?}");
    }
    scene.settle("cut", told).await.assert_exact();
}
