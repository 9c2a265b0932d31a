use chappe_testkit::for_each_backend;

for_each_backend!(
    gone_and_moved_are_told_apart,
    gone_is_final,
    purging_keeps_what_is_not_over
);

mod suite {
    use std::{collections::HashMap, time::Duration};

    use chappe_ids::{ProfileId, ProjectId};
    use chappe_kit::Timestamp;
    use chappe_store::{
        Db,
        retired::{self, Retired},
    };
    use chappe_testkit::TestDb;
    use uuid::Uuid;

    use crate::harness::{NOW, PROJECT, migrated};

    const DAY: Duration = Duration::from_hours(24);

    fn profile(id: u128) -> ProfileId {
        ProfileId::from_uuid(Uuid::from_u128(id))
    }

    async fn retire(db: &Db, ids: &[(ProfileId, Option<ProfileId>)], until: Timestamp) {
        db.write(async |txn| retired::retire(txn, PROJECT, ids, until).await)
            .await
            .unwrap();
    }

    async fn lookup(db: &Db, ids: &[ProfileId]) -> HashMap<ProfileId, Retired> {
        retired::lookup(db.read(), PROJECT, ids).await.unwrap()
    }

    const GONE: Retired = Retired { moved_to: None };

    fn moved(to: u128) -> Retired {
        Retired {
            moved_to: Some(profile(to)),
        }
    }

    pub(super) async fn gone_and_moved_are_told_apart(test: TestDb) {
        migrated(test.db()).await;
        retire(
            test.db(),
            &[(profile(2), Some(profile(3))), (profile(1), None)],
            NOW + DAY,
        )
        .await;
        let found = lookup(test.db(), &[profile(1), profile(2), profile(3)]).await;
        assert_eq!(found, HashMap::from([(profile(1), GONE), (profile(2), moved(3))]));
        assert_eq!(lookup(test.db(), &[]).await, HashMap::new());

        let elsewhere = ProjectId::from_uuid(Uuid::from_u128(99));
        let other = retired::lookup(test.db().read(), elsewhere, &[profile(1)]).await;
        assert_eq!(other.unwrap(), HashMap::new());
    }

    pub(super) async fn gone_is_final(test: TestDb) {
        migrated(test.db()).await;
        retire(test.db(), &[(profile(1), Some(profile(2))), (profile(1), None)], NOW).await;
        retire(test.db(), &[(profile(3), Some(profile(4)))], NOW).await;
        retire(test.db(), &[(profile(1), Some(profile(5))), (profile(3), None)], NOW).await;
        let found = lookup(test.db(), &[profile(1), profile(3)]).await;
        assert_eq!(found, HashMap::from([(profile(1), GONE), (profile(3), GONE)]));
    }

    pub(super) async fn purging_keeps_what_is_not_over(test: TestDb) {
        migrated(test.db()).await;
        let ids: Vec<_> = (1..=5).map(|id| (profile(id), None)).collect();
        retire(test.db(), &ids, NOW).await;
        retire(test.db(), &[(profile(6), None)], NOW + DAY).await;
        let purge = async |limit| {
            test.db()
                .write(async |txn| retired::purge(txn, NOW, limit).await)
                .await
                .unwrap()
        };
        assert_eq!(purge(3).await, 3);
        assert_eq!(purge(3).await, 2);
        assert_eq!(purge(3).await, 0);
        assert_eq!(lookup(test.db(), &[profile(6)]).await.len(), 1);
    }
}
