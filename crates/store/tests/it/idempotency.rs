use chappe_testkit::for_each_backend;

for_each_backend!(
    a_finished_call_is_replayed,
    another_request_under_the_same_key_is_refused,
    a_call_in_progress_is_busy,
    a_call_that_died_gives_its_place_up,
    only_one_of_two_finishes,
    an_expired_key_starts_anew,
    four_at_once_have_one_effect,
    keys_of_other_scopes_and_projects_are_apart,
    purging_keeps_what_is_not_over,
);

mod suite {
    use chappe_ids::ProjectId;
    use chappe_kit::{Error, ErrorKind, Timestamp};
    use chappe_store::{
        Db,
        idempotency::{self, Begin, KEPT_FOR, LEASE},
    };
    use chappe_testkit::TestDb;
    use uuid::Uuid;

    use crate::harness::{NOW, PROJECT, count_things, four, insert_thing, migrated};

    const KEY: &str = "2f1c";
    const SCOPE: &str = "users/update";

    async fn pass(test: &TestDb) {
        test.age(LEASE, &[("idempotency", "lease_until")]).await;
    }

    async fn begin(db: &Db, fingerprint: &[u8], now: Timestamp) -> Result<Begin, Error> {
        db.write(async |txn| idempotency::begin(txn, PROJECT, SCOPE, KEY, fingerprint, now).await)
            .await
    }

    async fn finish(db: &Db, response: &[u8]) -> Result<(), Error> {
        db.write(async |txn| idempotency::finish(txn, PROJECT, SCOPE, KEY, response).await)
            .await
    }

    pub(super) async fn a_finished_call_is_replayed(test: TestDb) {
        migrated(test.db()).await;
        assert_eq!(begin(test.db(), b"a", NOW).await.unwrap(), Begin::Fresh);
        finish(test.db(), b"").await.unwrap();
        assert_eq!(
            begin(test.db(), b"a", NOW + LEASE).await.unwrap(),
            Begin::Replay(Vec::new())
        );
    }

    pub(super) async fn another_request_under_the_same_key_is_refused(test: TestDb) {
        migrated(test.db()).await;
        begin(test.db(), b"a", NOW).await.unwrap();
        let refused = begin(test.db(), b"b", NOW + LEASE).await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.reason()),
            (ErrorKind::InvalidArgument, "IDEMPOTENCY_KEY_REUSED")
        );
    }

    pub(super) async fn a_call_in_progress_is_busy(test: TestDb) {
        migrated(test.db()).await;
        begin(test.db(), b"a", NOW).await.unwrap();
        test.age(LEASE / 2, &[("idempotency", "lease_until")]).await;
        let busy = begin(test.db(), b"a", NOW).await.unwrap_err();
        assert_eq!(
            (busy.kind(), busy.reason()),
            (ErrorKind::Aborted, "IDEMPOTENCY_KEY_BUSY")
        );
        assert!(busy.retry_delay().is_some());
    }

    pub(super) async fn a_call_that_died_gives_its_place_up(test: TestDb) {
        migrated(test.db()).await;
        begin(test.db(), b"a", NOW).await.unwrap();
        pass(&test).await;
        assert_eq!(begin(test.db(), b"a", NOW).await.unwrap(), Begin::Fresh);
        assert!(begin(test.db(), b"a", NOW).await.is_err());
    }

    pub(super) async fn only_one_of_two_finishes(test: TestDb) {
        migrated(test.db()).await;
        begin(test.db(), b"a", NOW).await.unwrap();
        pass(&test).await;
        begin(test.db(), b"a", NOW).await.unwrap();
        finish(test.db(), b"one").await.unwrap();
        assert_eq!(finish(test.db(), b"two").await.unwrap_err().reason(), "LEASE_LOST");
        let replayed = begin(test.db(), b"a", NOW + LEASE).await.unwrap();
        assert_eq!(replayed, Begin::Replay(b"one".to_vec()));
    }

    pub(super) async fn an_expired_key_starts_anew(test: TestDb) {
        migrated(test.db()).await;
        begin(test.db(), b"a", NOW).await.unwrap();
        finish(test.db(), b"one").await.unwrap();
        assert_eq!(begin(test.db(), b"b", NOW + KEPT_FOR).await.unwrap(), Begin::Fresh);
        finish(test.db(), b"two").await.unwrap();
    }

    pub(super) async fn four_at_once_have_one_effect(test: TestDb) {
        migrated(test.db()).await;
        let db = test.db().clone();
        let answers = four(|caller| {
            let db = db.clone();
            async move {
                db.write(
                    async |txn| match idempotency::begin(txn, PROJECT, SCOPE, KEY, b"a", NOW).await? {
                        Begin::Replay(answer) => Ok(answer),
                        Begin::Fresh => {
                            insert_thing(txn, caller).await?;
                            idempotency::finish(txn, PROJECT, SCOPE, KEY, &caller.to_be_bytes()).await?;
                            Ok(caller.to_be_bytes().to_vec())
                        }
                    },
                )
                .await
                .unwrap()
            }
        })
        .await;
        assert_eq!(count_things(test.db()).await, 1);
        assert!(answers.iter().all(|answer| *answer == answers[0]));
    }

    pub(super) async fn keys_of_other_scopes_and_projects_are_apart(test: TestDb) {
        migrated(test.db()).await;
        begin(test.db(), b"a", NOW).await.unwrap();
        let elsewhere = ProjectId::from_uuid(Uuid::from_u128(99));
        for (project, scope) in [(PROJECT, "other"), (elsewhere, SCOPE)] {
            let begun = test
                .db()
                .write(async |txn| idempotency::begin(txn, project, scope, KEY, b"b", NOW).await);
            assert_eq!(begun.await.unwrap(), Begin::Fresh);
        }
    }

    pub(super) async fn purging_keeps_what_is_not_over(test: TestDb) {
        migrated(test.db()).await;
        begin(test.db(), b"a", NOW).await.unwrap();
        let purge = async |now| {
            test.db()
                .write(async |txn| idempotency::purge(txn, now, 10).await)
                .await
                .unwrap()
        };
        assert_eq!(purge(NOW + KEPT_FOR / 2).await, 0);
        assert_eq!(purge(NOW + KEPT_FOR).await, 1);
    }
}
