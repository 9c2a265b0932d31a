use super::support::{Flow, Scene};

const SEED: u64 = 1;
const CALLS: usize = 10;

#[tokio::test]
async fn an_event_becomes_a_mail_through_seven_processes() {
    let Some(scene) = Scene::new().await else {
        return;
    };
    let mut flow = Flow::start(scene.rest.clone(), SEED);
    flow.accepted(CALLS).await;
    let (told, progress) = flow.end().await;
    assert!(progress.refused.is_empty(), "{progress:?}");
    scene.settle("path", told).await.assert_exact();
}
