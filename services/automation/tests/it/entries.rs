use chappe_testkit::for_each_backend;

for_each_backend!(
    a_replayed_feed_changes_nothing,
    events_of_one_batch_see_each_other,
    a_restart_begins_at_the_first_step_with_the_new_event,
    a_timer_comes_after_what_was_accepted_before_it,
    a_timer_waits_for_events_that_one_answer_does_not_hold,
    profiles_that_do_not_fit_one_answer_are_read_by_halves,
    who_is_not_targeted_does_not_enter_and_leaves_after_a_delay,
    a_stopped_automation_freezes_and_a_running_one_catches_up,
    an_entry_finishes_on_its_version,
    a_branch_is_answered_by_the_profile,
    a_row_that_cannot_be_processed_is_parked_and_blocks_nobody,
    an_outage_of_profile_store_parks_nothing,
);

mod suite {
    use automation::Job;
    use chappe_kit::grpc::MAX_MESSAGE_BYTES;
    use chappe_testkit::TestDb;
    use serde_json::json;
    use tonic::Code;

    use crate::support::{Mesh, PROJECT, at_once, profile, thanks};

    pub(super) async fn a_replayed_feed_changes_nothing(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &at_once()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        mesh.peers.state().loses_acks = true;
        process.work().await;
        process.work().await;
        assert_eq!(mesh.peers.state().feed.len(), 1);
        mesh.peers.state().loses_acks = false;
        process.work().await;
        assert!(mesh.peers.state().feed.is_empty());
        assert_eq!(process.entries().await, [0, 1, 0, 0]);
        assert_eq!(mesh.peers.state().enqueue_calls, 1);
    }

    pub(super) async fn events_of_one_batch_see_each_other(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        for event in ["purchase", "refund", "purchase", "purchase"] {
            mesh.happens(PROJECT, profile(1), event);
        }
        process.turn(Job::Feed).await;
        assert_eq!(process.entries().await, [1, 0, 1, 0]);
    }

    pub(super) async fn a_restart_begins_at_the_first_step_with_the_new_event(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        process.work().await;
        mesh.pass(9);
        mesh.happens(PROJECT, profile(1), "purchase");
        process.work().await;
        mesh.pass(9);
        process.work().await;
        assert!(mesh.peers.state().enqueued.is_empty());
        mesh.pass(1);
        process.work().await;
        let message = mesh.message();
        let number = message.event_attributes["n"].kind.clone();
        assert_eq!(number, Some(chappe_proto::types::value::Kind::IntegerValue(2)));
        assert_eq!((message.step.as_str(), message.sender.as_str()), ("thanks", "shop"));
        assert_eq!(process.entries().await, [1, 0, 0, 0]);
    }

    pub(super) async fn a_timer_comes_after_what_was_accepted_before_it(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        for lane in [1, 2, 3] {
            mesh.happens(PROJECT, profile(lane), "purchase");
        }
        process.work().await;
        mesh.pass(10);
        mesh.happens(PROJECT, profile(1), "refund");
        mesh.happens(PROJECT, profile(2), "visit");
        for job in [Job::Timers, Job::Timers, Job::HandOver] {
            process.turn(job).await;
        }
        assert_eq!(process.entries().await, [2, 0, 1, 0]);
        assert_eq!(mesh.peers.state().steps(), ["thanks", "thanks"]);
        assert!(mesh.peers.state().feed.is_empty());
    }

    pub(super) async fn a_timer_waits_for_events_that_one_answer_does_not_hold(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        for lane in [1, 2, 3] {
            mesh.happens(PROJECT, profile(lane), "purchase");
        }
        process.work().await;
        mesh.pass(10);
        mesh.happens(PROJECT, profile(1), "refund");
        mesh.happens(PROJECT, profile(2), "refund");
        mesh.peers.state().rows_per_pull = Some(1);
        for job in [Job::Timers, Job::Timers, Job::HandOver] {
            process.turn(job).await;
        }
        assert_eq!(process.entries().await, [1, 0, 2, 0]);
        assert_eq!(mesh.peers.state().steps(), ["thanks"]);
    }

    pub(super) async fn profiles_that_do_not_fit_one_answer_are_read_by_halves(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        let mut spec = at_once();
        spec["quietTimes"] = json!({"from": "01:00", "to": "02:00", "timezone": "profile"});
        process.apply(PROJECT, "thanks", &spec).await;
        mesh.peers.state().note = "x".repeat(MAX_MESSAGE_BYTES / 2);
        for lane in [1, 2, 3] {
            mesh.happens(PROJECT, profile(lane), "purchase");
        }
        process.work().await;
        assert_eq!(mesh.peers.state().steps(), ["thanks", "thanks", "thanks"]);
    }

    pub(super) async fn who_is_not_targeted_does_not_enter_and_leaves_after_a_delay(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        mesh.peers.state().untargeted.insert(profile(1).to_string());
        mesh.happens(PROJECT, profile(1), "purchase");
        mesh.happens(PROJECT, profile(2), "purchase");
        process.work().await;
        assert_eq!(process.entries().await, [1, 0, 0, 0]);
        mesh.peers.state().untargeted.insert(profile(2).to_string());
        mesh.pass(10);
        process.work().await;
        assert_eq!(process.entries().await, [0, 0, 0, 1]);
        assert!(mesh.peers.state().enqueued.is_empty());
    }

    pub(super) async fn a_stopped_automation_freezes_and_a_running_one_catches_up(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        process.work().await;
        let mut stopped = thanks();
        stopped["state"] = json!("STOPPED");
        process.apply(PROJECT, "thanks", &stopped).await;
        mesh.happens(PROJECT, profile(2), "purchase");
        mesh.pass(60);
        process.work().await;
        assert_eq!(process.entries().await, [1, 0, 0, 0]);
        assert!(mesh.peers.state().enqueued.is_empty());
        process.apply(PROJECT, "thanks", &thanks()).await;
        process.work().await;
        assert_eq!(mesh.peers.state().steps(), ["thanks"]);
    }

    pub(super) async fn an_entry_finishes_on_its_version(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        process.work().await;
        let mut other = thanks();
        other["steps"] = json!([{"delay": "10s"}, {"send": {"name": "other", "template": "t", "sender": "s"}}]);
        process.apply(PROJECT, "thanks", &other).await;
        mesh.happens(PROJECT, profile(2), "purchase");
        process.work().await;
        mesh.pass(10);
        process.work().await;
        assert_eq!(mesh.peers.state().steps(), ["other", "thanks"]);
    }

    pub(super) async fn a_branch_is_answered_by_the_profile(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        let send = |name: &str| json!([{"send": {"name": name, "template": "t", "sender": "s"}}]);
        let mut spec = at_once();
        spec["steps"] = json!([{"branch": {"if": {"vip": true}, "then": send("yes"), "else": send("no")}}]);
        process.apply(PROJECT, "thanks", &spec).await;
        mesh.peers.state().untargeted.insert(profile(2).to_string());
        mesh.happens(PROJECT, profile(1), "purchase");
        mesh.happens(PROJECT, profile(2), "purchase");
        process.work().await;
        assert_eq!(mesh.peers.state().steps(), ["no", "yes"]);
        assert_eq!(process.entries().await, [0, 2, 0, 0]);
    }

    pub(super) async fn a_row_that_cannot_be_processed_is_parked_and_blocks_nobody(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &at_once()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        mesh.peers.state().feed[0].event = None;
        mesh.happens(PROJECT, profile(1), "purchase");
        process.work().await;
        assert!(mesh.peers.state().feed.is_empty());
        assert_eq!(process.counts(PROJECT).await.1, 1);
        assert_eq!(mesh.peers.state().steps(), ["thanks"]);

        // Only the events that need the failing call are given up.
        process.apply(PROJECT, "targeted", &thanks()).await;
        mesh.peers.state().failing.insert("evaluate_targeting", Code::Internal);
        mesh.happens(PROJECT, profile(2), "purchase");
        mesh.happens(PROJECT, profile(2), "refund");
        process.turn(Job::Feed).await;
        assert!(mesh.peers.state().feed.is_empty());
        assert_eq!(process.counts(PROJECT).await.1, 2);
    }

    pub(super) async fn an_outage_of_profile_store_parks_nothing(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        mesh.peers
            .state()
            .failing
            .insert("evaluate_targeting", Code::Unavailable);
        assert!(process.service.turn(Job::Feed).await.is_err());
        assert_eq!(mesh.peers.state().feed.len(), 1);
        mesh.peers.state().failing.clear();
        process.work().await;
        assert_eq!(process.entries().await, [1, 0, 0, 0]);
    }
}
