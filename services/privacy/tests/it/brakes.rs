use chappe_testkit::for_each_backend;

for_each_backend!(
    a_ratio_above_the_limit_holds_the_run,
    a_run_may_bring_its_own_ratio,
    an_absolute_number_holds_whatever_the_ratio,
    an_ingestion_that_is_down_holds_the_run,
    clocks_that_differ_hold_the_run,
    a_cutoff_ahead_holds_the_run,
    the_kill_switch_holds_a_run_and_halts_one_that_deletes,
    a_period_that_is_off_or_too_short_is_refused,
    a_run_without_candidates_has_nothing_to_hold,
    imports_during_a_run_do_not_stretch_its_limit,
);

mod suite {
    use std::time::Duration;

    use chappe_kit::Timestamp;
    use chappe_proto::privacy::{InactivityRun, InactivityState as State, StartInactivityRunRequest};
    use chappe_testkit::TestDb;
    use privacy::{Brakes, Config};
    use tonic::Code;

    use crate::world::{Instance, NOW, World};

    const LONG_AGO: Timestamp = Timestamp::from_micros(0);

    /// A hundred profiles, so many of them inactive.
    async fn world(test: TestDb, inactive: u128) -> World {
        let world = World::new(test).await;
        world.profiles.add(1..inactive + 1, LONG_AGO);
        world.profiles.add(1_000..1_100 - inactive, NOW);
        world
    }

    async fn finished(privacy: &Instance, request: StartInactivityRunRequest) -> InactivityRun {
        let started = privacy.start(request).await.unwrap();
        privacy.work().await;
        privacy.run(&started.run_id).await
    }

    /// The run is held by these brakes, and nothing was deleted.
    fn assert_held(world: &World, run: &InactivityRun, brakes: &[&str]) {
        let tripped: Vec<_> = run
            .brakes
            .iter()
            .filter(|brake| brake.tripped)
            .map(|brake| brake.name.as_str())
            .collect();
        assert_eq!((run.state(), tripped.as_slice()), (State::Held, brakes), "{run:?}");
        assert_eq!(
            (run.deleted, world.profiles.count(), world.profiles.deletions()),
            (0, 100, 0)
        );
    }

    fn any_share() -> StartInactivityRunRequest {
        StartInactivityRunRequest {
            max_ratio: Some(1.0),
            ..StartInactivityRunRequest::default()
        }
    }

    pub(super) async fn a_ratio_above_the_limit_holds_the_run(test: TestDb) {
        let world = world(test, 40).await;
        let run = finished(&world.instance().await, StartInactivityRunRequest::default()).await;
        assert_held(&world, &run, &["ratio"]);
        assert_eq!((run.population, run.candidates), (100, 40));
        let ratio = run.brakes.iter().find(|brake| brake.name == "ratio").unwrap();
        assert_eq!(ratio.detail, "40 of 100 profiles are 40.00 %, at most 5.00 % may go");
    }

    pub(super) async fn a_run_may_bring_its_own_ratio(test: TestDb) {
        let world = world(test, 40).await;
        let privacy = world.instance().await;
        let with = |ratio| StartInactivityRunRequest {
            max_ratio: Some(ratio),
            ..StartInactivityRunRequest::default()
        };
        assert_held(&world, &finished(&privacy, with(0.39)).await, &["ratio"]);
        let run = finished(&privacy, with(0.4)).await;
        assert_eq!(
            (run.state(), run.deleted, world.profiles.count()),
            (State::Succeeded, 40, 60)
        );
        for wrong in [-0.1, 1.1, f64::NAN] {
            assert_eq!(
                privacy.start(with(wrong)).await.unwrap_err().code(),
                Code::InvalidArgument
            );
        }
    }

    pub(super) async fn an_absolute_number_holds_whatever_the_ratio(test: TestDb) {
        let world = world(test, 40).await;
        let brakes = Brakes {
            max_deletions: 39,
            ..Brakes::default()
        };
        let config = Config {
            brakes,
            ..Config::default()
        };
        let run = finished(&world.configured(config).await, any_share()).await;
        assert_held(&world, &run, &["absolute"]);
    }

    pub(super) async fn an_ingestion_that_is_down_holds_the_run(test: TestDb) {
        let world = world(test, 40).await;
        let privacy = world.instance().await;
        world.profiles.set_newest_write(Some(NOW - Duration::from_hours(24)));
        assert_held(&world, &finished(&privacy, any_share()).await, &["freshness"]);
        world.profiles.set_newest_write(None);
        // Looking back from another instant does not make the writes any fresher.
        let back = StartInactivityRunRequest {
            as_of: Some((NOW - Duration::from_hours(48)).into()),
            ..any_share()
        };
        assert_held(&world, &finished(&privacy, back).await, &["freshness"]);
    }

    pub(super) async fn clocks_that_differ_hold_the_run(test: TestDb) {
        let world = world(test, 40).await;
        let privacy = world.instance().await;
        for seconds in [60, -60] {
            world.profiles.set_clock_ahead(seconds * 1_000_000);
            assert_held(&world, &finished(&privacy, any_share()).await, &["clock"]);
        }
    }

    pub(super) async fn a_cutoff_ahead_holds_the_run(test: TestDb) {
        let world = world(test, 40).await;
        let ahead = StartInactivityRunRequest {
            as_of: Some((NOW + Duration::from_hours(24 * 500)).into()),
            ..any_share()
        };
        assert_held(&world, &finished(&world.instance().await, ahead).await, &["clock"]);
    }

    pub(super) async fn the_kill_switch_holds_a_run_and_halts_one_that_deletes(test: TestDb) {
        let world = world(test, 40).await;
        let small = Config {
            batch_size: 10,
            ..Config::default()
        };
        let off = || Config {
            kill_switch: true,
            ..small.clone()
        };
        let run = finished(&world.configured(off()).await, any_share()).await;
        assert_held(&world, &run, &["kill_switch"]);

        let privacy = world.configured(small.clone()).await;
        let started = privacy.start(any_share()).await.unwrap();
        // Planning, beginning, and two batches.
        for _ in 0..4 {
            privacy.service.work_due().await.unwrap();
        }
        drop(privacy);
        world.leases_run_out().await;
        let privacy = world.configured(off()).await;
        privacy.work().await;
        let run = privacy.run(&started.run_id).await;
        assert_eq!(
            (run.state(), run.deleted, world.profiles.count()),
            (State::Halted, 20, 80)
        );
        let tripped: Vec<_> = run
            .brakes
            .iter()
            .filter(|brake| brake.tripped)
            .map(|brake| brake.name.as_str())
            .collect();
        assert_eq!((tripped, run.brakes.len()), (vec!["kill_switch"], 5));
    }

    pub(super) async fn a_period_that_is_off_or_too_short_is_refused(test: TestDb) {
        let world = world(test, 40).await;
        let privacy = world.instance().await;
        for (period, words) in [("off", "is off"), ("29d", "nothing is deleted under 30d")] {
            world.identity.set_period(period);
            let refused = privacy.start(any_share()).await.unwrap_err();
            assert_eq!(refused.code(), Code::FailedPrecondition);
            assert!(refused.message().contains(words), "{}", refused.message());
        }
        world.identity.set_period("30d");
        assert_eq!(finished(&privacy, any_share()).await.state(), State::Succeeded);
    }

    pub(super) async fn a_run_without_candidates_has_nothing_to_hold(test: TestDb) {
        let world = World::new(test).await;
        let privacy = world.instance().await;
        world.profiles.set_newest_write(None);
        let run = finished(&privacy, StartInactivityRunRequest::default()).await;
        assert_eq!((run.state(), run.population), (State::Succeeded, 0));
        assert!(
            run.brakes.iter().all(|brake| !brake.tripped),
            "an empty project is not a broken one"
        );
        world.profiles.add(0..1, NOW);
        let run = finished(&privacy, StartInactivityRunRequest::default()).await;
        assert_eq!((run.state(), run.population), (State::Succeeded, 1));
        assert!(
            run.brakes
                .iter()
                .any(|brake| brake.tripped && brake.name == "freshness")
        );
    }

    pub(super) async fn imports_during_a_run_do_not_stretch_its_limit(test: TestDb) {
        let world = world(test, 40).await;
        let config = Config {
            batch_size: 25,
            ..Config::default()
        };
        let privacy = world.configured(config).await;
        let exactly = StartInactivityRunRequest {
            max_ratio: Some(0.4),
            ..StartInactivityRunRequest::default()
        };
        let started = privacy.start(exactly).await.unwrap();
        for _ in 0..3 {
            privacy.service.work_due().await.unwrap();
        }
        world.profiles.add(500..510, LONG_AGO);
        privacy.work().await;
        let run = privacy.run(&started.run_id).await;
        assert_eq!(
            (run.state(), run.deleted, world.profiles.count()),
            (State::Halted, 40, 70)
        );
        let absolute = run.brakes.iter().find(|brake| brake.name == "absolute").unwrap();
        assert_eq!(
            absolute.detail,
            "40 of at most 40 profiles are deleted, and 10 more have become inactive"
        );
    }
}
