use chappe_testkit::for_each_backend;

for_each_backend!(
    one_of_four_gets_it,
    an_expired_lease_goes_to_another_under_a_new_epoch,
    a_former_owner_is_fenced_out,
    taking_ones_own_again_keeps_the_epoch,
    a_released_lease_is_free_at_once,
);

mod suite {
    use std::time::Duration;

    use chappe_kit::ErrorKind;
    use chappe_store::{
        Db,
        lease::{self, LOST},
    };
    use chappe_testkit::TestDb;
    use uuid::Uuid;

    use crate::harness::{four, migrated};

    const NAME: &str = "lane/7";
    const TTL: Duration = Duration::from_secs(10);
    const ONE: Uuid = Uuid::from_u128(1);
    const TWO: Uuid = Uuid::from_u128(2);

    async fn pass(test: &TestDb, by: Duration) {
        test.age(by, &[("leases", "until")]).await;
    }

    async fn acquire(db: &Db, owner: Uuid) -> Option<i64> {
        let lease = db.write(async |txn| lease::acquire(txn, NAME, owner, TTL).await).await;
        lease.unwrap().map(|lease| lease.epoch)
    }

    pub(super) async fn one_of_four_gets_it(test: TestDb) {
        migrated(test.db()).await;
        let db = test.db().clone();
        let epochs = four(|owner| {
            let db = db.clone();
            async move { acquire(&db, Uuid::from_u128(owner)).await }
        })
        .await;
        assert_eq!(epochs.into_iter().flatten().collect::<Vec<_>>(), [1]);
    }

    pub(super) async fn an_expired_lease_goes_to_another_under_a_new_epoch(test: TestDb) {
        migrated(test.db()).await;
        assert_eq!(acquire(test.db(), ONE).await, Some(1));
        pass(&test, TTL / 2).await;
        assert_eq!(acquire(test.db(), TWO).await, None);
        pass(&test, TTL / 2).await;
        assert_eq!(acquire(test.db(), TWO).await, Some(2));
    }

    pub(super) async fn a_former_owner_is_fenced_out(test: TestDb) {
        migrated(test.db()).await;
        acquire(test.db(), ONE).await;
        let fence = async |owner, epoch| {
            test.db()
                .write(async |txn| lease::fence(txn, NAME, owner, epoch).await)
                .await
        };
        fence(ONE, 1).await.unwrap();
        pass(&test, TTL).await;
        acquire(test.db(), TWO).await;
        let lost = fence(ONE, 1).await.unwrap_err();
        assert_eq!((lost.kind(), lost.reason()), (ErrorKind::Aborted, LOST));
        fence(TWO, 2).await.unwrap();

        let renewed = test.db().write(async |txn| lease::renew(txn, NAME, ONE, 1, TTL).await);
        assert_eq!(renewed.await.unwrap_err().reason(), LOST);
        let released = test.db().write(async |txn| lease::release(txn, NAME, ONE, 1).await);
        assert_eq!(released.await.unwrap_err().reason(), LOST);
    }

    pub(super) async fn taking_ones_own_again_keeps_the_epoch(test: TestDb) {
        migrated(test.db()).await;
        for _ in 0..3 {
            assert_eq!(acquire(test.db(), ONE).await, Some(1));
            pass(&test, TTL / 2).await;
        }
        assert_eq!(acquire(test.db(), TWO).await, None);
        test.db()
            .write(async |txn| lease::renew(txn, NAME, ONE, 1, TTL).await)
            .await
            .unwrap();
        pass(&test, TTL / 2).await;
        assert_eq!(acquire(test.db(), TWO).await, None);
        pass(&test, TTL / 2).await;
        assert_eq!(acquire(test.db(), TWO).await, Some(2));
    }

    pub(super) async fn a_released_lease_is_free_at_once(test: TestDb) {
        migrated(test.db()).await;
        acquire(test.db(), ONE).await;
        test.db()
            .write(async |txn| lease::release(txn, NAME, ONE, 1).await)
            .await
            .unwrap();
        assert_eq!(acquire(test.db(), TWO).await, Some(2));
    }
}
