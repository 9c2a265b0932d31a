use chappe_testkit::for_each_backend;

for_each_backend!(
    a_run_deletes_and_unlinks_in_batches,
    the_cutoff_is_the_period_before_as_of_and_frozen,
    a_dry_run_changes_nothing_and_tells_what_would_hold_it,
    who_comes_back_after_planning_is_kept,
    a_run_resumes_at_its_cursor_with_the_exact_count,
    what_others_keep_of_the_inactive_goes_too,
    a_batch_is_erased_everywhere_before_it_is_unlinked_and_counted,
    two_starts_under_one_id_are_one_run,
    a_stale_worker_changes_nothing,
    a_store_that_is_away_is_waited_for,
    a_refusal_of_the_store_fails_the_run,
    runs_of_one_project_follow_each_other,
);

mod suite {
    use std::{collections::HashSet, time::Duration};

    use chappe_kit::Timestamp;
    use chappe_proto::privacy::{InactivityState as State, StartInactivityRunRequest, Subject};
    use chappe_store::{RowExt as _, Sql};
    use chappe_testkit::TestDb;
    use privacy::Config;
    use tonic::Status;
    use uuid::Uuid;

    use crate::world::{Instance, NOW, World};

    const LONG_AGO: Timestamp = Timestamp::from_micros(0);
    /// Forty inactive profiles and sixty active ones.
    async fn world(test: TestDb) -> World {
        let world = World::new(test).await;
        world.profiles.add(1..41, LONG_AGO);
        world.profiles.add(100..160, NOW);
        world
    }

    async fn in_tens(world: &World) -> Instance {
        let config = Config {
            batch_size: 10,
            ..Config::default()
        };
        world.configured(config).await
    }

    fn any_share() -> StartInactivityRunRequest {
        StartInactivityRunRequest {
            max_ratio: Some(1.0),
            ..StartInactivityRunRequest::default()
        }
    }

    /// Whoever is gone is unlinked.
    fn assert_unlinked(world: &World, count: usize) {
        let unlinked: HashSet<_> = world.identity.unlinked().into_iter().collect();
        let inactive = (1..41).map(|id| Uuid::from_u128(id).to_string());
        assert_eq!(unlinked.len(), count);
        assert!(unlinked.is_subset(&inactive.collect()));
        assert_eq!(world.profiles.count(), 100 - count);
    }

    pub(super) async fn a_run_deletes_and_unlinks_in_batches(test: TestDb) {
        let world = world(test).await;
        let privacy = in_tens(&world).await;
        let started = privacy.start(any_share()).await.unwrap();
        assert_eq!((started.state(), started.deleted), (State::Planning, 0));
        privacy.work().await;
        let run = privacy.run(&started.run_id).await;
        assert_eq!(
            (run.state(), run.population, run.candidates, run.deleted),
            (State::Succeeded, 100, 40, 40)
        );
        assert_eq!(world.identity.unlinked().len(), 40);
        assert_unlinked(&world, 40);
    }

    pub(super) async fn the_cutoff_is_the_period_before_as_of_and_frozen(test: TestDb) {
        let world = world(test).await;
        let privacy = in_tens(&world).await;
        let as_of = |text: &str| Timestamp::from_micros(chappe_query::parse_instant(text).unwrap());
        let request = StartInactivityRunRequest {
            as_of: Some(as_of("1998-07-01").into()),
            ..any_share()
        };
        let started = privacy.start(request).await.unwrap();
        assert_eq!(started.cutoff.map(Timestamp::from), Some(as_of("1997-06-01")));
        world.identity.set_period("30d");
        privacy.work().await;
        let run = privacy.run(&started.run_id).await;
        assert_eq!((run.cutoff, run.deleted), (started.cutoff, 40));
    }

    pub(super) async fn a_dry_run_changes_nothing_and_tells_what_would_hold_it(test: TestDb) {
        let world = world(test).await;
        let privacy = in_tens(&world).await;
        let request = StartInactivityRunRequest {
            dry_run: true,
            ..StartInactivityRunRequest::default()
        };
        let started = privacy.start(request).await.unwrap();
        privacy.work().await;
        let run = privacy.run(&started.run_id).await;
        assert!(run.dry_run);
        assert_eq!(
            (run.state(), run.population, run.candidates, run.deleted),
            (State::Succeeded, 100, 40, 0)
        );
        assert!(run.brakes.iter().any(|brake| brake.name == "ratio" && brake.tripped));
        assert_eq!(world.profiles.deletions(), 0);
        assert_unlinked(&world, 0);
    }

    pub(super) async fn who_comes_back_after_planning_is_kept(test: TestDb) {
        let world = world(test).await;
        let privacy = in_tens(&world).await;
        let started = privacy.start(any_share()).await.unwrap();
        privacy.service.work_due().await.unwrap();
        assert_eq!(privacy.run(&started.run_id).await.candidates, 40);
        world.profiles.add(7..9, NOW);
        privacy.work().await;
        let run = privacy.run(&started.run_id).await;
        assert_eq!((run.state(), run.deleted), (State::Succeeded, 38));
        assert_unlinked(&world, 38);
    }

    pub(super) async fn a_run_resumes_at_its_cursor_with_the_exact_count(test: TestDb) {
        let world = world(test).await;
        let started = in_tens(&world).await.start(any_share()).await.unwrap();
        let deaths = [
            (&world.profiles.gate, "delete before"),
            (&world.profiles.gate, "delete"),
            (&world.identity.gate, "unlink before"),
            (&world.identity.gate, "unlink"),
        ];
        for (batches, (gate, place)) in deaths.into_iter().enumerate() {
            let privacy = in_tens(&world).await;
            // Each process plans or goes on, finishes one batch and dies in the middle of the next.
            while privacy.run(&started.run_id).await.deleted < i64::try_from(batches * 10).unwrap() {
                privacy.service.work_due().await.unwrap();
            }
            gate.close(place);
            tokio::select! {
                () = privacy.work() => panic!("{place} was not reached"),
                () = gate.reached() => {}
            }
            drop(privacy);
            world.leases_run_out().await;
        }
        let privacy = in_tens(&world).await;
        assert_eq!(privacy.run(&started.run_id).await.deleted, 30);
        privacy.work().await;
        let run = privacy.run(&started.run_id).await;
        assert_eq!((run.state(), run.deleted), (State::Succeeded, 40));
        assert_unlinked(&world, 40);
    }

    /// The profiles that a service was asked to erase, in order, once for each time.
    fn erased(world: &World, service: &str) -> Vec<String> {
        let seen = world.subject(service).seen().into_iter();
        seen.flat_map(|subject| subject.profile_ids).collect()
    }

    fn ids(numbers: std::ops::Range<u128>) -> Vec<String> {
        numbers.map(|id| Uuid::from_u128(id).to_string()).collect()
    }

    pub(super) async fn what_others_keep_of_the_inactive_goes_too(test: TestDb) {
        let world = world(test).await;
        let privacy = in_tens(&world).await;
        let started = privacy.start(any_share()).await.unwrap();
        privacy.service.work_due().await.unwrap();
        world.profiles.add(7..9, NOW);
        privacy.work().await;
        assert_eq!(privacy.run(&started.run_id).await.state(), State::Succeeded);
        for service in ["automation", "email-sender"] {
            assert_eq!(erased(&world, service), [ids(1..7), ids(9..41)].concat());
            let named = |subject: &Subject| subject.identifier.is_some();
            assert!(!world.subject(service).seen().iter().any(named), "app data stays");
        }
        let steps: HashSet<_> = world.log.take().into_iter().collect();
        let expected = ["automation.erase", "email-sender.erase"].map(ToOwned::to_owned);
        assert_eq!(steps, expected.into(), "nobody is blocked");
    }

    pub(super) async fn a_batch_is_erased_everywhere_before_it_is_unlinked_and_counted(test: TestDb) {
        let world = world(test).await;
        let dying = in_tens(&world).await;
        let started = dying.start(any_share()).await.unwrap();
        let gate = &world.subject("email-sender").gate;
        gate.close("erase");
        tokio::select! {
            () = dying.work() => panic!("email-sender was not asked"),
            () = gate.reached() => {}
        }
        drop(dying);
        world.leases_run_out().await;
        let privacy = in_tens(&world).await;
        world.subject("automation").set_away(true);
        privacy.work().await;
        assert_eq!(privacy.run(&started.run_id).await.deleted, 0);
        assert!(
            world.identity.unlinked().is_empty(),
            "identity can still tell whose they were"
        );

        world.subject("automation").set_away(false);
        world.advance(Duration::from_secs(1));
        privacy.work().await;
        let run = privacy.run(&started.run_id).await;
        assert_eq!((run.state(), run.deleted), (State::Succeeded, 40));
        assert_unlinked(&world, 40);
        assert_eq!(erased(&world, "email-sender"), [ids(1..11), ids(1..41)].concat());
    }

    pub(super) async fn two_starts_under_one_id_are_one_run(test: TestDb) {
        let world = world(test).await;
        let (one, two) = (in_tens(&world).await, in_tens(&world).await);
        let request = || StartInactivityRunRequest {
            request_id: Uuid::from_u128(77).to_string(),
            ..any_share()
        };
        let (first, second) = tokio::join!(one.start(request()), two.start(request()));
        assert_eq!(first.unwrap().run_id, second.unwrap().run_id);
        one.work().await;
        // Starting again finds the finished run, whatever has become of the settings.
        world.identity.set_period("off");
        let read = world.identity.projects_read();
        let again = two.start(request()).await.unwrap();
        assert_eq!(
            (again.state(), again.deleted, world.identity.projects_read()),
            (State::Succeeded, 40, read)
        );
        let rows = "select (select count(*) from inactivity_runs) as runs,
                      (select count(*) from audit_entries where event = 'run_started') as started";
        let row = Sql::new(rows).one(world.db().read()).await.unwrap().unwrap();
        assert_eq!(
            (row.get::<i64>("runs").unwrap(), row.get::<i64>("started").unwrap()),
            (1, 1)
        );
    }

    pub(super) async fn a_stale_worker_changes_nothing(test: TestDb) {
        let world = world(test).await;
        let (slow, quick) = (in_tens(&world).await, in_tens(&world).await);
        let started = slow.start(any_share()).await.unwrap();
        for place in ["delete before", "delete"] {
            let before = slow.run(&started.run_id).await.deleted;
            world.profiles.gate.close(place);
            tokio::join!(
                async {
                    while slow.run(&started.run_id).await.deleted == before {
                        slow.service.work_due().await.unwrap();
                    }
                },
                async {
                    world.profiles.gate.reached().await;
                    assert_eq!(quick.service.work_due().await.unwrap(), 0, "the lease is held");
                    world.leases_run_out().await;
                    for _ in 0..2 {
                        assert_eq!(quick.service.work_due().await.unwrap(), 1);
                    }
                    assert_eq!(quick.run(&started.run_id).await.deleted, before + 20);
                    world.profiles.gate.open();
                }
            );
            assert_eq!(
                slow.run(&started.run_id).await.deleted,
                before + 20,
                "the cursor is not turned back"
            );
            world.leases_run_out().await;
        }
        quick.work().await;
        let run = quick.run(&started.run_id).await;
        assert_eq!((run.state(), run.deleted), (State::Succeeded, 40));
        assert_unlinked(&world, 40);
    }

    pub(super) async fn a_store_that_is_away_is_waited_for(test: TestDb) {
        let world = world(test).await;
        let privacy = in_tens(&world).await;
        let started = privacy.start(any_share()).await.unwrap();
        world.profiles.fail(vec![Status::unavailable("away"); 4]);
        privacy.work().await;
        assert_eq!(privacy.run(&started.run_id).await.state(), State::Deleting);
        world.advance(Duration::from_secs(1));
        privacy.work().await;
        let run = privacy.run(&started.run_id).await;
        assert_eq!((run.state(), run.deleted), (State::Succeeded, 40));
    }

    pub(super) async fn a_refusal_of_the_store_fails_the_run(test: TestDb) {
        let world = world(test).await;
        let privacy = in_tens(&world).await;
        let started = privacy.start(any_share()).await.unwrap();
        for _ in 0..3 {
            privacy.service.work_due().await.unwrap();
        }
        world.profiles.fail(vec![Status::internal("broken")]);
        privacy.work().await;
        let run = privacy.run(&started.run_id).await;
        assert_eq!((run.state(), run.deleted), (State::Failed, 10));
    }

    pub(super) async fn runs_of_one_project_follow_each_other(test: TestDb) {
        let world = world(test).await;
        let privacy = in_tens(&world).await;
        let first = privacy.start(any_share()).await.unwrap();
        world.advance(Duration::from_millis(1));
        let second = privacy.start(any_share()).await.unwrap();
        while privacy.run(&first.run_id).await.state() != State::Succeeded {
            assert_eq!(privacy.service.work_due().await.unwrap(), 1);
            assert_eq!(privacy.run(&second.run_id).await.state(), State::Planning);
        }
        privacy.work().await;
        let second = privacy.run(&second.run_id).await;
        assert_eq!(
            (second.state(), second.population, second.candidates),
            (State::Succeeded, 60, 0)
        );
    }
}
