use chappe_testkit::for_each_backend;

for_each_backend!(
    a_newer_schema_is_told_and_left_alone,
    a_schema_of_another_line_is_not_migrated,
    a_database_belongs_to_the_key_it_was_first_used_with,
);

mod suite {
    use chappe_kit::{ErrorKind, MasterKey};
    use chappe_store::{Sql, fingerprint, migrate};
    use chappe_testkit::TestDb;

    use crate::harness::{Migrator, migrated};

    const ADD: &str = "insert into seaql_migrations (version, applied_at) values ({version}, 0)";

    async fn execute(test: &TestDb, statement: &'static str, version: &'static str) {
        let done = test.db().write(async |txn| {
            let statement = Sql::new(statement).bind("version", version);
            statement.execute(txn).await
        });
        assert_eq!(done.await.unwrap(), 1);
    }

    pub(super) async fn a_newer_schema_is_told_and_left_alone(test: TestDb) {
        migrated(test.db()).await;
        let status = async || migrate::status::<Migrator>(test.db()).await.unwrap();
        assert_eq!(status().await, migrate::Status::default());
        execute(&test, ADD, "m0003_later").await;
        assert_eq!(
            (status().await.newer, status().await.breaks()),
            (vec!["m0003_later".to_owned()], None)
        );
        execute(&test, ADD, "m0004_gone_breaking").await;
        assert_eq!(status().await.breaks(), Some("m0004_gone_breaking"));
        migrate::up::<Migrator>(test.db()).await.unwrap();
        assert_eq!(status().await.newer.len(), 2);
    }

    pub(super) async fn a_schema_of_another_line_is_not_migrated(test: TestDb) {
        migrated(test.db()).await;
        execute(
            &test,
            "delete from seaql_migrations where version = {version}",
            "m0002_things",
        )
        .await;
        execute(&test, ADD, "m0003_later").await;
        let refused = migrate::up::<Migrator>(test.db()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FailedPrecondition);
        for step in ["m0002_things", "m0003_later"] {
            assert!(refused.message().contains(step), "{refused}");
        }
    }

    pub(super) async fn a_database_belongs_to_the_key_it_was_first_used_with(test: TestDb) {
        migrated(test.db()).await;
        let (first, second) = (MasterKey::new([1; 32]), MasterKey::new([2; 32]));
        let belongs = async |key| fingerprint::belongs(test.db(), key).await.unwrap();
        assert!(belongs(&first).await);
        assert!(!belongs(&second).await);
        assert!(belongs(&first).await);
    }
}
