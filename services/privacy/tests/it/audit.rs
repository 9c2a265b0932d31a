use chappe_testkit::for_each_backend;

for_each_backend!(
    everything_is_recorded_and_no_person_is_named,
    tampering_is_detected,
    a_trail_without_its_end_is_detected,
    writers_of_one_project_make_one_chain,
);

mod suite {
    use chappe_proto::privacy::StartInactivityRunRequest;
    use chappe_store::{RowExt as _, Sql};
    use chappe_testkit::TestDb;

    use crate::world::{ADA, Instance, PROJECT, World};

    async fn events(world: &World) -> Vec<String> {
        let rows = Sql::new("select event, detail from audit_entries order by seq")
            .all(world.db().read())
            .await
            .unwrap();
        for row in &rows {
            let detail: String = row.get("detail").unwrap();
            assert!(!detail.contains("ada"), "{detail}");
        }
        rows.iter().map(|row| row.get("event").unwrap()).collect()
    }

    async fn broken(privacy: &Instance) -> String {
        let error = privacy.service.verify_audit(PROJECT).await.unwrap_err();
        assert_eq!(error.reason(), "AUDIT_BROKEN");
        privacy.service.sweep().await.unwrap();
        error.message().to_owned()
    }

    async fn with_trail(test: TestDb) -> (World, Instance) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        let privacy = world.instance().await;
        // One after the other: at the same time, the one may put the other off.
        privacy.review("ada").await;
        privacy.work().await;
        privacy.remove("ada").await;
        privacy.work().await;
        (world, privacy)
    }

    pub(super) async fn everything_is_recorded_and_no_person_is_named(test: TestDb) {
        let (world, privacy) = with_trail(test).await;
        privacy.start(StartInactivityRunRequest::default()).await.unwrap();
        privacy.work().await;
        world.profiles.add(0..2, crate::world::NOW);
        world.profiles.add(2..4, chappe_kit::Timestamp::from_micros(0));
        privacy.start(StartInactivityRunRequest::default()).await.unwrap();
        privacy.work().await;
        let expected = [
            "request_created",
            "request_done",
            "request_created",
            "request_done",
            "run_started",
            "run_finished",
            "run_started",
            "brake_held",
        ];
        assert_eq!(events(&world).await, expected);
        assert_eq!(privacy.service.verify_audit(PROJECT).await.unwrap(), 8);
    }

    pub(super) async fn tampering_is_detected(test: TestDb) {
        let (world, privacy) = with_trail(test).await;
        assert_eq!(privacy.service.verify_audit(PROJECT).await.unwrap(), 4);
        world
            .db()
            .write(async |txn| {
                Sql::new("update audit_entries set detail = '{}' where seq = 2")
                    .execute(txn)
                    .await
            })
            .await
            .unwrap();
        assert!(broken(&privacy).await.starts_with("entry 2 "));
    }

    pub(super) async fn a_trail_without_its_end_is_detected(test: TestDb) {
        let (world, privacy) = with_trail(test).await;
        world
            .db()
            .write(async |txn| Sql::new("delete from audit_entries where seq = 4").execute(txn).await)
            .await
            .unwrap();
        assert!(broken(&privacy).await.starts_with("entry 4 "));
        // Also when the head is turned back with it: its seal is that of entry 4.
        world
            .db()
            .write(async |txn| Sql::new("update audit_heads set seq = 3").execute(txn).await)
            .await
            .unwrap();
        assert!(broken(&privacy).await.starts_with("entry 3 "));
    }

    pub(super) async fn writers_of_one_project_make_one_chain(test: TestDb) {
        let world = World::new(test).await;
        let (one, two) = (world.instance().await, world.instance().await);
        tokio::join!(
            async {
                for _ in 0..5 {
                    one.remove("a").await;
                }
            },
            async {
                for _ in 0..5 {
                    two.remove("b").await;
                }
            },
            async {
                for _ in 0..5 {
                    one.review("c").await;
                }
            },
        );
        assert_eq!(two.service.verify_audit(PROJECT).await.unwrap(), 15);
    }
}
