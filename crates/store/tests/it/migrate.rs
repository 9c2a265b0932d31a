use chappe_testkit::for_each_backend;

for_each_backend!(
    migrating_twice_applies_once,
    two_runners_at_once_apply_once,
    a_runner_waits_for_a_live_lease_and_takes_over_a_dead_one,
    a_failed_migration_leaves_nothing_behind,
    opening_twice_at_once_makes_one_schema,
);

mod suite {
    use std::time::Duration;

    use chappe_kit::Clock;
    use chappe_store::{RowExt as _, Sql, lease, migrate, schema::Migration};
    use chappe_testkit::TestDb;
    use sea_orm_migration::{MigrationTrait, MigratorTrait};
    use uuid::Uuid;

    use crate::harness::{Migrator, count_things, four, migrated};

    pub(super) async fn migrating_twice_applies_once(test: TestDb) {
        let pending = async || migrate::pending::<Migrator>(test.db()).await.unwrap();
        assert_eq!(pending().await, ["m0001_shared", "m0002_things"]);
        migrate::up::<Migrator>(test.db()).await.unwrap();
        migrate::up::<Migrator>(test.db()).await.unwrap();
        assert!(pending().await.is_empty());
        assert_eq!(count_things(test.db()).await, 0);
    }

    pub(super) async fn two_runners_at_once_apply_once(test: TestDb) {
        let (here, there) = (test.db().clone(), test.reopen().await);
        let done = four(|runner| {
            let db = if runner % 2 == 0 { here.clone() } else { there.clone() };
            async move { migrate::up::<Migrator>(&db).await }
        })
        .await;
        done.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        assert!(migrate::pending::<Migrator>(test.db()).await.unwrap().is_empty());
    }

    pub(super) async fn a_runner_waits_for_a_live_lease_and_takes_over_a_dead_one(test: TestDb) {
        migrated(test.db()).await;
        let (owner, ttl) = (Uuid::from_u128(7), Duration::from_millis(300));
        let now = Clock::system().now();
        let held = test
            .db()
            .write(async |txn| lease::acquire(txn, "migrations", owner, ttl).await);
        let epoch = held.await.unwrap().unwrap().epoch;
        migrate::up::<Migrator>(test.db()).await.unwrap();
        assert!(Clock::system().now() >= now + ttl);
        let stale = test
            .db()
            .write(async |txn| lease::fence(txn, "migrations", owner, epoch).await);
        assert_eq!(stale.await.unwrap_err().reason(), lease::LOST);
    }

    struct Broken;

    impl MigratorTrait for Broken {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            let half_way =
                Migration::new("m0001_half_way").run(&["create table half (id {bigint})", "create nonsense"]);
            vec![Box::new(half_way)]
        }
    }

    pub(super) async fn a_failed_migration_leaves_nothing_behind(test: TestDb) {
        migrate::up::<Broken>(test.db()).await.unwrap_err();
        assert_eq!(migrate::pending::<Broken>(test.db()).await.unwrap(), ["m0001_half_way"]);
        let half = Sql::new("select count(*) as n from half").one(test.db().read()).await;
        assert!(half.is_err());
        // The lease was given back: the next runner does not wait for it.
        let owner = Uuid::from_u128(7);
        let taken = test
            .db()
            .write(async |txn| lease::acquire(txn, "migrations", owner, Duration::from_secs(1)).await);
        assert_eq!(taken.await.unwrap().map(|lease| lease.epoch), Some(2));
    }

    pub(super) async fn opening_twice_at_once_makes_one_schema(test: TestDb) {
        let service = format!("{}-again", test.service());
        let url = test.url().to_owned();
        let counts = four(|_| {
            let (url, service) = (url.clone(), service.clone());
            async move {
                let db = chappe_store::Db::connect(&url, &service, 1).await?;
                let row = Sql::new("select 1 as one").one(db.read()).await?;
                row.map_or(Ok(0), |row| row.get::<i32>("one"))
            }
        })
        .await;
        assert_eq!(counts.into_iter().collect::<Result<Vec<_>, _>>().unwrap(), [1; 4]);
    }
}
