use chappe_testkit::for_each_backend;

for_each_backend!(
    an_erasure_blocks_then_erases_then_verifies_everywhere,
    a_removal_forgets_whom_it_was_about,
    the_erasure_of_an_anonymous_installation_names_its_profile,
    who_comes_up_while_a_removal_begins_is_erased,
    who_took_the_place_of_the_profile_that_was_found_is_erased_too,
    an_installation_that_goes_on_during_its_removal_is_somebody_new,
    what_is_left_is_erased_again,
    what_stays_keeps_the_removal_pending,
    a_service_that_is_away_is_waited_for_and_keeps_nobody_waiting,
    a_second_removal_finishes_with_the_first,
    a_removal_takes_the_archives_of_the_person_along,
    a_review_at_work_ends_with_the_removal,
    background_work_is_woken_by_a_request,
);

mod suite {
    use std::time::Duration;

    use chappe_proto::privacy::{PrivacyRequest, RequestType};
    use chappe_store::{RowExt as _, Sql};
    use chappe_testkit::TestDb;
    use tonic::Code;
    use uuid::Uuid;

    use crate::world::{ADA, World, custom_id, installation};

    fn report<'a>(request: &'a PrivacyRequest, service: &str) -> &'a chappe_proto::privacy::ParticipantReport {
        request
            .participants
            .iter()
            .find(|report| report.service == service)
            .unwrap()
    }

    pub(super) async fn an_erasure_blocks_then_erases_then_verifies_everywhere(test: TestDb) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        world.subject("profile-store").hold(12);
        let privacy = world.instance().await;
        let created = privacy.remove("ada").await;
        assert!(!created.done);
        assert_eq!(
            (created.identifier_type.as_str(), created.identifier_value.as_str()),
            ("custom_id", "ada")
        );

        privacy.work().await;
        let expected = ["block", "erase", "verify"].into_iter().flat_map(|step| {
            ["identity", "profile-store", "automation", "email-sender"].map(|service| format!("{service}.{step}"))
        });
        assert_eq!(world.log.take(), expected.collect::<Vec<_>>());
        for subject in &world.subjects {
            // Identity blocks the custom id before anybody is looked for.
            let before = usize::from(subject.name == "identity");
            for (step, seen) in subject.seen().into_iter().enumerate() {
                let found = if step < before { vec![] } else { vec![ADA.to_string()] };
                assert_eq!((seen.identifier, seen.profile_ids), (Some(custom_id("ada")), found));
            }
        }
        let done = privacy.get(&created.request_id).await.unwrap();
        assert!(done.done && done.error.is_empty());
        assert!(done.participants.iter().all(|report| report.verified));
        assert_eq!(report(&done, "profile-store").deleted["rows"], 12);
        assert_eq!(report(&done, "profile-store").retained, ["a hash in profile-store"]);
        assert_eq!(report(&done, "privacy").deleted["archives"], 0);
        assert_eq!(done.participants.len(), 5);
    }

    pub(super) async fn a_removal_forgets_whom_it_was_about(test: TestDb) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        let privacy = world.instance().await;
        let created = privacy.remove("ada").await;
        privacy.work().await;
        assert_eq!(privacy.get(&created.request_id).await.unwrap().identifier_value, "");
        let row = Sql::new(
            "select (select count(*) from requests
                     where identifier_value <> '' or target is not null or profiles is not null)
                  + (select count(*) from request_subjects) as left_over",
        );
        let row = row.one(world.db().read()).await.unwrap().unwrap();
        assert_eq!(row.get::<i64>("left_over").unwrap(), 0);
    }

    pub(super) async fn the_erasure_of_an_anonymous_installation_names_its_profile(test: TestDb) {
        let world = World::new(test).await;
        let device = Uuid::from_u128(0xde);
        world.identity.knows(&device.to_string(), ADA, "");
        let privacy = world.instance().await;
        let created = privacy.create(RequestType::Remove, installation(device)).await;
        assert_eq!(created.identifier_type, "install_id");
        privacy.work().await;
        assert_eq!(privacy.get(&created.request_id).await.unwrap().error, "");
        let seen = world.subject("profile-store").seen().remove(0);
        assert_eq!(
            (seen.identifier, seen.profile_ids),
            (Some(installation(device)), vec![ADA.to_string()])
        );
    }

    const BOB: Uuid = Uuid::from_u128(0xb0b);

    /// The profiles that the last call to a service was about.
    fn last_seen(world: &World, service: &str) -> Vec<String> {
        world.subject(service).seen().pop().unwrap().profile_ids
    }

    pub(super) async fn who_comes_up_while_a_removal_begins_is_erased(test: TestDb) {
        let world = World::new(test).await;
        let privacy = world.instance().await;
        let created = privacy.remove("ada").await;
        let gate = &world.subject("identity").gate;
        gate.close("block");
        tokio::join!(privacy.work(), async {
            gate.reached().await;
            world.identity.knows("ada", ADA, "ada");
            gate.open();
        });
        let done = privacy.get(&created.request_id).await.unwrap();
        assert!(done.done && done.error.is_empty(), "{done:?}");
        for subject in &world.subjects {
            assert_eq!(last_seen(&world, subject.name), [ADA.to_string()]);
        }
    }

    pub(super) async fn who_took_the_place_of_the_profile_that_was_found_is_erased_too(test: TestDb) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        let privacy = world.instance().await;
        // Whoever took the place is all that identity finds, however often it erases the first.
        world.subject("identity").leave([1; 3]);
        let created = privacy.remove("ada").await;
        privacy.work().await;
        world.identity.knows("ada", BOB, "ada");
        assert!(!privacy.get(&created.request_id).await.unwrap().done);
        world.log.take();

        world.advance(Duration::from_secs(1));
        privacy.work().await;
        assert!(privacy.get(&created.request_id).await.unwrap().done);
        let log = world.log.take();
        for subject in &world.subjects {
            let erased = format!("{}.erase", subject.name);
            assert!(
                log.contains(&erased),
                "who had erased the first is asked again: {log:?}"
            );
            assert_eq!(last_seen(&world, subject.name), [ADA.to_string(), BOB.to_string()]);
        }
    }

    pub(super) async fn an_installation_that_goes_on_during_its_removal_is_somebody_new(test: TestDb) {
        let world = World::new(test).await;
        let device = Uuid::from_u128(0xde);
        world.identity.knows(&device.to_string(), ADA, "");
        let privacy = world.instance().await;
        world.subject("email-sender").leave([1; 3]);
        let created = privacy.create(RequestType::Remove, installation(device)).await;
        privacy.work().await;
        world.identity.knows(&device.to_string(), BOB, "");
        world.advance(Duration::from_secs(1));
        privacy.work().await;
        assert!(privacy.get(&created.request_id).await.unwrap().done);
        assert_eq!(last_seen(&world, "email-sender"), [ADA.to_string()]);
    }

    pub(super) async fn what_is_left_is_erased_again(test: TestDb) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        world.subject("automation").leave([3]);
        let privacy = world.instance().await;
        let created = privacy.remove("ada").await;
        privacy.work().await;
        assert!(privacy.get(&created.request_id).await.unwrap().done);
        let log = world.log.take();
        let count = |line: &str| log.iter().filter(|logged| *logged == line).count();
        assert_eq!((count("automation.erase"), count("identity.erase")), (2, 1));
        assert_eq!((count("automation.verify"), count("identity.verify")), (2, 2));
    }

    pub(super) async fn what_stays_keeps_the_removal_pending(test: TestDb) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        world.subject("email-sender").leave([1; 3]);
        let privacy = world.instance().await;
        let created = privacy.remove("ada").await;
        privacy.work().await;
        let pending = privacy.get(&created.request_id).await.unwrap();
        assert!(!pending.done && pending.participants.iter().all(|report| !report.verified));
        let log = world.log.take();
        assert_eq!(log.iter().filter(|line| *line == "email-sender.erase").count(), 3);

        world.advance(Duration::from_secs(1));
        privacy.work().await;
        assert!(privacy.get(&created.request_id).await.unwrap().done);
    }

    pub(super) async fn a_service_that_is_away_is_waited_for_and_keeps_nobody_waiting(test: TestDb) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        let privacy = world.instance().await;
        world.subject("profile-store").set_away(true);
        let created = privacy.remove("ada").await;
        privacy.work().await;
        assert_eq!(
            world.log.take(),
            ["identity.block"],
            "nothing is erased before all have blocked"
        );

        // It comes back to be blocked, and is away again when it is to erase.
        world.subject("profile-store").set_away(false);
        world.subject("profile-store").gate.close("block");
        world.advance(Duration::from_secs(1));
        tokio::join!(privacy.work(), async {
            world.subject("profile-store").gate.reached().await;
            world.subject("profile-store").set_away(true);
            world.subject("profile-store").gate.open();
        });
        assert_eq!(
            world.log.take(),
            [
                "profile-store.block",
                "automation.block",
                "email-sender.block",
                "identity.erase",
                "automation.erase",
                "email-sender.erase",
            ]
        );
        assert!(!privacy.get(&created.request_id).await.unwrap().done);

        world.subject("profile-store").set_away(false);
        privacy.work().await;
        assert!(world.log.take().is_empty(), "the second pause is longer than the first");
        world.advance(Duration::from_secs(2));
        privacy.work().await;
        let log = world.log.take();
        assert_eq!(log[0], "profile-store.erase", "who has erased is not asked again");
        assert!(privacy.get(&created.request_id).await.unwrap().done);
    }

    pub(super) async fn a_second_removal_finishes_with_the_first(test: TestDb) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        let privacy = world.instance().await;
        world.subject("email-sender").set_away(true);
        let first = privacy.remove("ada").await;
        privacy.work().await;
        world.identity.forgets("ada");
        let second = privacy.remove("ada").await;
        privacy.work().await;
        world.subject("email-sender").set_away(false);
        world.advance(Duration::from_secs(1));
        privacy.work().await;
        for request in [first, second] {
            let request = privacy.get(&request.request_id).await.unwrap();
            assert!(request.done && request.error.is_empty(), "{request:?}");
        }
    }

    pub(super) async fn a_removal_takes_the_archives_of_the_person_along(test: TestDb) {
        let world = World::new(test).await;
        let device = Uuid::from_u128(0xde);
        world.identity.knows("ada", ADA, "ada");
        world.identity.knows(&device.to_string(), ADA, "");
        world.identity.knows("bob", Uuid::from_u128(0xb0b), "bob");
        let privacy = world.instance().await;
        let by_name = privacy.review("ada").await;
        let by_device = privacy.create(RequestType::Review, installation(device)).await;
        let of_bob = privacy.review("bob").await;
        privacy.work().await;
        let removal = privacy.remove("ada").await;
        let mut names = Vec::new();
        for review in [&by_name, &by_device, &of_bob] {
            names.push(privacy.get(&review.request_id).await.unwrap().archive_name);
            privacy.archive(names.last().unwrap()).await.unwrap();
        }

        privacy.work().await;
        for (review, name) in [&by_name, &by_device].into_iter().zip(&names) {
            assert_eq!(privacy.archive(name).await.unwrap_err().code(), Code::NotFound);
            let review = privacy.get(&review.request_id).await.unwrap();
            assert_eq!(
                (review.archive_name.as_str(), review.identifier_value.as_str()),
                ("", "")
            );
        }
        privacy.archive(&names[2]).await.unwrap();
        assert_eq!(privacy.get(&of_bob.request_id).await.unwrap().identifier_value, "bob");
        let removal = privacy.get(&removal.request_id).await.unwrap();
        assert_eq!(report(&removal, "privacy").deleted["archives"], 2);
    }

    pub(super) async fn a_review_at_work_ends_with_the_removal(test: TestDb) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        let (reviewing, removing) = (world.instance().await, world.instance().await);
        let review = reviewing.review("ada").await;
        world.subject("email-sender").gate.close("export");
        tokio::join!(reviewing.work(), async {
            world.subject("email-sender").gate.reached().await;
            let removal = removing.remove("ada").await;
            removing.work().await;
            assert!(removing.get(&removal.request_id).await.unwrap().done);
            world.subject("email-sender").gate.open();
        });
        let review = reviewing.get(&review.request_id).await.unwrap();
        assert!(review.done);
        assert_eq!(
            (review.error.as_str(), review.archive_name.as_str()),
            ("user not found", "")
        );
        let row = Sql::new("select count(*) as n from archive_chunks")
            .one(world.db().read())
            .await
            .unwrap();
        assert_eq!(row.unwrap().get::<i64>("n").unwrap(), 0);
    }

    pub(super) async fn background_work_is_woken_by_a_request(test: TestDb) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        let privacy = world.instance().await;
        privacy.service.start();
        let created = privacy.remove("ada").await;
        let patience = tokio::time::timeout(Duration::from_secs(20), async {
            while !privacy.get(&created.request_id).await.unwrap().done {
                privacy.lifecycle.pause(Duration::from_millis(5)).await;
            }
        });
        patience.await.expect("done in time");
        privacy.lifecycle.stop();
        assert!(privacy.lifecycle.drained(Duration::from_secs(5)).await);
        assert!(!privacy.lifecycle.has_failed());
    }
}
