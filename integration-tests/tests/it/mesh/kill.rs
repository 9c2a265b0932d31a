use std::collections::BTreeSet;

use super::support::{Flow, SERVICES, Scene};

const SEED: u64 = 2;
/// Calls between one act and the next.
const MEANWHILE: usize = 3;

#[tokio::test]
async fn every_service_may_be_killed_while_events_flow() {
    let Some(mut scene) = Scene::new().await else {
        return;
    };
    let mut flow = Flow::start(scene.rest.clone(), SEED);
    let mut ambiguous = BTreeSet::new();
    for service in SERVICES {
        flow.accepted(MEANWHILE).await;
        if service == email_sender::NAME {
            scene.inbox.hold();
            let before = scene.inbox.mails().len();
            let is_more = |mails: &[_]| mails.len() > before;
            scene.inbox.when("a mail has no answer", is_more).await;
        }
        scene.kill(service).await;
        if service == email_sender::NAME {
            ambiguous = scene.database.attempting().await;
            scene.inbox.answer_all();
        }
        flow.attempted(MEANWHILE).await;
        scene.restart(service).await;
    }
    flow.accepted(MEANWHILE).await;
    let (told, progress) = flow.end().await;
    let ledger = scene.settle("kill", told).await;
    let unknown = scene.database.unknown().await;
    let counts = (ambiguous.len(), unknown.len());
    println!("kill: (in delivery at the kill of email-sender, unknown since) {counts:?}; calls {progress:?}");

    assert!(!ambiguous.is_empty());
    ledger.assert_exact_except(&ambiguous, &unknown);
}
