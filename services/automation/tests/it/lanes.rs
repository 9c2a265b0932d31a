use chappe_testkit::for_each_backend;

for_each_backend!(
    two_processes_share_the_lanes_fairly,
    a_process_that_lost_its_lanes_writes_nothing,
    lanes_of_a_dead_process_are_taken_at_once_where_the_store_is_exclusive,
    a_process_that_stops_gives_its_lanes_back,
    the_jobs_carry_an_event_to_a_message_by_themselves,
);

mod suite {
    use std::time::Duration;

    use automation::{Config, Job};
    use chappe_store::{RowExt as _, Sql};
    use chappe_testkit::TestDb;
    use tokio::sync::oneshot;

    use crate::support::{Mesh, PROJECT, at_once, profile, thanks};

    /// How many lanes each owner holds.
    async fn shares(mesh: &Mesh) -> Vec<i64> {
        let rows = Sql::new("select count(*) as n from lanes where until > {db_now} group by owner order by 1")
            .all(mesh.db.db().read())
            .await
            .unwrap();
        rows.iter().map(|row| row.get("n").unwrap()).collect()
    }

    pub(super) async fn two_processes_share_the_lanes_fairly(db: TestDb) {
        let (mesh, first) = Mesh::alone(db).await;
        assert_eq!(shares(&mesh).await, [64]);
        let second = mesh.process(Config::default()).await;
        second.turn(Job::Lanes).await;
        assert_eq!(shares(&mesh).await, [64]);
        first.turn(Job::Lanes).await;
        second.turn(Job::Lanes).await;
        assert_eq!(shares(&mesh).await, [32, 32]);

        // Each lane is driven by one of them, and all are driven.
        first.apply(PROJECT, "thanks", &thanks()).await;
        for lane in 0..64 {
            mesh.happens(PROJECT, profile(lane), "purchase");
        }
        first.turn(Job::Feed).await;
        assert_eq!(mesh.peers.state().feed.len(), 32);
        assert_eq!(first.entries().await, [32, 0, 0, 0]);
        second.turn(Job::Feed).await;
        assert_eq!(first.entries().await, [64, 0, 0, 0]);

        // One that says nothing for the time of a lease loses its lanes.
        mesh.lanes_age(11).await;
        first.turn(Job::Lanes).await;
        assert_eq!(shares(&mesh).await, [64]);
    }

    pub(super) async fn a_process_that_lost_its_lanes_writes_nothing(db: TestDb) {
        let (mesh, first) = Mesh::alone(db).await;
        first.apply(PROJECT, "thanks", &thanks()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        let second = mesh.process(Config::default()).await;
        let ((reached, at_gate), (release, go_on)) = (oneshot::channel(), oneshot::channel());
        mesh.peers.state().gate = Some((reached, go_on));
        let (stale, ()) = tokio::join!(first.service.turn(Job::Feed), async {
            // The first has pulled and is about to commit when the world goes on without it.
            at_gate.await.unwrap();
            mesh.lanes_age(11).await;
            second.turn(Job::Lanes).await;
            second.turn(Job::Feed).await;
            mesh.happens(PROJECT, profile(1), "refund");
            second.turn(Job::Feed).await;
            release.send(()).unwrap();
        });
        assert_eq!(stale.unwrap_err().reason(), "LANES_LOST");
        assert_eq!(second.entries().await, [0, 0, 1, 0]);
        assert!(mesh.peers.state().feed.is_empty());
    }

    pub(super) async fn lanes_of_a_dead_process_are_taken_at_once_where_the_store_is_exclusive(db: TestDb) {
        let (mesh, _dead) = Mesh::alone(db).await;
        let next = mesh.process(Config { exclusive_store: true }).await;
        next.turn(Job::Lanes).await;
        assert_eq!(shares(&mesh).await, [64]);
        next.apply(PROJECT, "thanks", &thanks()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        assert_eq!(next.turn(Job::Feed).await, 1);
        assert_eq!(next.entries().await, [1, 0, 0, 0]);
    }

    pub(super) async fn a_process_that_stops_gives_its_lanes_back(db: TestDb) {
        let (mesh, first) = Mesh::alone(db).await;
        first.service.start();
        first.lifecycle.stop();
        assert!(first.lifecycle.drained(Duration::from_secs(10)).await);
        assert_eq!(shares(&mesh).await, Vec::<i64>::new());
        let second = mesh.process(Config::default()).await;
        second.turn(Job::Lanes).await;
        assert_eq!(shares(&mesh).await, [64]);
    }

    pub(super) async fn the_jobs_carry_an_event_to_a_message_by_themselves(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &at_once()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        let (enqueued, message) = oneshot::channel();
        mesh.peers.state().on_enqueue = Some(enqueued);
        process.service.start();
        message.await.unwrap();
        process.lifecycle.stop();
        assert!(process.lifecycle.drained(Duration::from_secs(10)).await);
        assert_eq!(mesh.message().step, "thanks");
        assert!(!process.lifecycle.has_failed());
    }
}
