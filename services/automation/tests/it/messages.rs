use chappe_testkit::for_each_backend;

for_each_backend!(
    a_message_carries_what_the_template_needs_and_a_derived_id,
    handing_over_again_is_harmless,
    a_refused_message_is_parked_and_the_others_go_on,
    a_message_that_waits_vanishes_with_its_entry,
    a_message_that_was_handed_over_is_asked_back,
    a_message_on_its_way_is_asked_back_afterwards,
    a_message_whose_hand_over_lost_its_answer_is_asked_back,
    a_skipped_message_does_not_count_and_an_accepted_one_does,
);

mod suite {
    use automation::Job;
    use chappe_proto::email::MessageState;
    use chappe_testkit::TestDb;
    use serde_json::json;
    use tonic::Code;

    use crate::support::{Mesh, PROJECT, Process, at_once, profile, thanks};

    pub(super) async fn a_message_carries_what_the_template_needs_and_a_derived_id(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &at_once()).await;
        mesh.happens(PROJECT, profile(5), "purchase");
        process.work().await;
        let message = mesh.message();
        assert_eq!(message.profile_id, profile(5).to_string());
        assert_eq!(
            (message.template.as_str(), message.event_name.as_str()),
            ("thank-you", "purchase")
        );
        assert_eq!(message.lane, 5);
        assert!(message.event_attributes.contains_key("n"));
        assert_eq!(mesh.peers.state().enqueued[&message.message_id].0, PROJECT);
    }

    pub(super) async fn handing_over_again_is_harmless(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &at_once()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        mesh.peers.state().failing.insert("enqueue", Code::Unavailable);
        process.work().await;
        assert_eq!(process.turn(Job::HandOver).await, 0, "not before its pause is over");
        mesh.peers.state().failing.clear();
        let refused = mesh.peers.state().enqueue_calls;
        mesh.pass(1);
        process.work().await;
        mesh.pass(100);
        process.work().await;
        assert_eq!(mesh.peers.state().enqueue_calls, refused + 1);
        assert_eq!(mesh.message().step, "thanks");
    }

    pub(super) async fn a_refused_message_is_parked_and_the_others_go_on(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        let mut spec = at_once();
        spec["steps"] = json!([
            {"send": {"name": "bad", "template": "bad", "sender": "s"}},
            {"send": {"name": "good", "template": "good", "sender": "s"}},
        ]);
        process.apply(PROJECT, "thanks", &spec).await;
        mesh.peers.state().refused_template = Some("bad");
        mesh.happens(PROJECT, profile(1), "purchase");
        process.work().await;
        assert_eq!(mesh.peers.state().steps(), ["good"]);
        assert_eq!(process.counts(PROJECT).await.1, 1);
        mesh.pass(100);
        assert_eq!(process.turn(Job::HandOver).await, 0);
    }

    /// An entry whose message was written and not handed over.
    async fn with_waiting_message(mesh: &Mesh, process: &Process) {
        process.apply(PROJECT, "thanks", &thanks()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        process.turn(Job::Feed).await;
        mesh.pass(10);
        process.turn(Job::Timers).await;
    }

    pub(super) async fn a_message_that_waits_vanishes_with_its_entry(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        with_waiting_message(&mesh, &process).await;
        mesh.happens(PROJECT, profile(1), "refund");
        process.work().await;
        mesh.pass(7_200);
        process.work().await;
        let state = mesh.peers.state();
        assert!(state.enqueued.is_empty() && state.cancelled.is_empty());
    }

    pub(super) async fn a_message_that_was_handed_over_is_asked_back(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        with_waiting_message(&mesh, &process).await;
        process.work().await;
        mesh.happens(PROJECT, profile(1), "refund");
        process.work().await;
        process.work().await;
        let message = mesh.message().message_id;
        assert_eq!(mesh.peers.state().cancelled, [message]);
    }

    pub(super) async fn a_message_on_its_way_is_asked_back_afterwards(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        with_waiting_message(&mesh, &process).await;
        // A relay took it and died, or is still at it.
        let claim = chappe_ids::ClaimId::from_uuid(uuid::Uuid::from_u128(1));
        let (now, lease) = (mesh.clock.now(), std::time::Duration::from_secs(30));
        let claimed = mesh
            .db
            .db()
            .write(async |txn| chappe_store::outbox::claim(txn, "send", now, claim, lease, 10).await)
            .await
            .unwrap();
        assert_eq!(claimed.len(), 1);
        mesh.happens(PROJECT, profile(1), "refund");
        process.work().await;
        assert!(mesh.peers.state().cancelled.is_empty());
        mesh.db
            .age(std::time::Duration::from_secs(31), &[("outbox", "lease_until")])
            .await;
        mesh.pass(1);
        process.work().await;
        mesh.pass(1);
        process.work().await;
        let message = mesh.message().message_id;
        assert_eq!(mesh.peers.state().cancelled, [message]);
    }

    pub(super) async fn a_message_whose_hand_over_lost_its_answer_is_asked_back(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        with_waiting_message(&mesh, &process).await;
        mesh.peers.state().loses_answers = true;
        process.turn(Job::HandOver).await;
        let tries = mesh.peers.state().enqueue_calls;
        mesh.happens(PROJECT, profile(1), "refund");
        process.work().await;
        let message = mesh.message().message_id;
        assert_eq!(mesh.peers.state().cancelled, [message]);
        mesh.pass(60);
        process.work().await;
        assert_eq!(mesh.peers.state().enqueue_calls, tries);
    }

    pub(super) async fn a_skipped_message_does_not_count_and_an_accepted_one_does(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        let mut spec = at_once();
        spec["entry"] = json!({"maxEntries": 1, "gracePeriod": "1h"});
        process.apply(PROJECT, "thanks", &spec).await;
        let buys = async || {
            mesh.happens(PROJECT, profile(1), "purchase");
            process.work().await;
            mesh.peers.state().enqueued.len()
        };
        assert_eq!(buys().await, 1);
        // Until it is known, the message counts as sent.
        assert_eq!(buys().await, 1);
        mesh.all_became(MessageState::Skipped);
        mesh.peers.state().loses_acks = true;
        process.turn(Job::Outcomes).await;
        mesh.peers.state().loses_acks = false;
        process.turn(Job::Outcomes).await;
        assert!(mesh.peers.state().outcomes.is_empty());
        assert_eq!(buys().await, 2);
        mesh.all_became(MessageState::Accepted);
        process.turn(Job::Outcomes).await;
        mesh.all_became(MessageState::Skipped);
        process.turn(Job::Outcomes).await;
        mesh.pass(3_601);
        assert_eq!(buys().await, 2, "one sent message is the most");
    }
}
