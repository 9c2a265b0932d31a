use chappe_testkit::for_each_backend;

for_each_backend!(
    another_process_goes_on_where_one_died,
    the_profiles_that_were_found_survive_their_erasure_in_identity,
    a_request_that_is_at_work_is_left_alone,
);

mod suite {
    use chappe_testkit::TestDb;

    use crate::world::{ADA, Instance, World};

    /// Kills the process while the service stands at the step.
    async fn die_at(world: &World, instance: Instance, service: &str, step: &'static str) {
        let gate = &world.subject(service).gate;
        gate.close(step);
        tokio::select! {
            () = instance.work() => panic!("the step {step} of {service} was not reached"),
            () = gate.reached() => {}
        }
    }

    pub(super) async fn another_process_goes_on_where_one_died(test: TestDb) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        world.subject("identity").hold(1);
        let created = world.instance().await.remove("ada").await;
        let deaths = [
            ("automation", "block"),
            ("identity", "erase"),
            ("email-sender", "erase"),
            ("automation", "verify"),
        ];
        for (service, step) in deaths {
            die_at(&world, world.instance().await, service, step).await;
            world.leases_run_out().await;
        }
        let privacy = world.instance().await;
        privacy.work().await;
        let done = privacy.get(&created.request_id).await.unwrap();
        assert!(done.done && done.error.is_empty());
        assert!(done.participants.iter().all(|report| report.verified));
        let log = world.log.take();
        let count = |line: &str| log.iter().filter(|logged| *logged == line).count();
        assert_eq!((count("identity.block"), count("profile-store.block")), (1, 1));
        assert_eq!(count("automation.block"), 2, "its answer died with the process");
        assert_eq!(
            (
                count("identity.erase"),
                count("profile-store.erase"),
                count("email-sender.erase")
            ),
            (2, 1, 2)
        );
    }

    pub(super) async fn the_profiles_that_were_found_survive_their_erasure_in_identity(test: TestDb) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        let created = world.instance().await.remove("ada").await;
        die_at(&world, world.instance().await, "profile-store", "erase").await;
        world.identity.forgets("ada");
        world.leases_run_out().await;
        let privacy = world.instance().await;
        privacy.work().await;
        let done = privacy.get(&created.request_id).await.unwrap();
        assert!(done.done && done.error.is_empty());
        for seen in world.subject("email-sender").seen() {
            assert_eq!(seen.profile_ids, [ADA.to_string()]);
        }
    }

    pub(super) async fn a_request_that_is_at_work_is_left_alone(test: TestDb) {
        let world = World::new(test).await;
        world.identity.knows("ada", ADA, "ada");
        let (one, two) = (world.instance().await, world.instance().await);
        one.remove("ada").await;
        let gate = &world.subject("automation").gate;
        gate.close("erase");
        tokio::join!(one.work(), async {
            gate.reached().await;
            assert_eq!(two.service.work_due().await.unwrap(), 0);
            gate.open();
        });
        let log = world.log.take();
        assert_eq!(log.iter().filter(|line| *line == "automation.erase").count(), 1);
    }
}
