use chappe_testkit::for_each_backend;

for_each_backend!(
    a_click_goes_to_its_target_and_counts_as_activity,
    a_hit_right_after_delivery_is_a_machines,
    an_opt_out_is_taken_while_profile_store_is_down,
    looking_at_the_opt_out_page_changes_nothing,
    an_opt_out_is_told_though_an_earlier_one_never_could_be,
    a_wrong_token_is_not_found,
);

mod suite {
    use std::time::Duration;

    use chappe_kit::grpc::call;
    use chappe_proto::{
        email::{HitKind, RecordHitRequest},
        privacy::{EraseSubjectRequest, Subject},
    };
    use chappe_query::{Value, wire};
    use chappe_smtp::scripted::Script;
    use chappe_testkit::TestDb;

    use crate::support::{MARKETING, PROJECT, World, message, person, token};

    async fn delivered(db: TestDb) -> (World, String) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.deliver().await;
        world.relay().await;
        world.profiles.state().engagement.clear();
        let mail = world.mails().remove(0);
        (world, mail)
    }

    /// The one event reported: its name, whether it counts as activity, whether it says that a machine made it.
    fn reported(world: &World) -> (String, bool, Option<Value>) {
        let mut state = world.profiles.state();
        assert_eq!(state.engagement.len(), 1);
        let engagement = state.engagement.remove(0);
        let event = engagement.event.unwrap();
        let machine = wire::attributes_from_proto(event.attributes).remove("is_machine");
        (event.name, engagement.activity, machine)
    }

    pub(crate) async fn a_click_goes_to_its_target_and_counts_as_activity(db: TestDb) {
        let (mut world, mail) = delivered(db).await;
        world.advance(Duration::from_mins(1));
        let target = world.hit(HitKind::Click, &token(&mail, "c")).await.unwrap();
        assert_eq!(target, "https://shop.example/?a=1&b=2");
        world.relay().await;
        assert_eq!(
            reported(&world),
            ("email_click".to_owned(), true, Some(Value::Boolean(false)))
        );
    }

    pub(crate) async fn a_hit_right_after_delivery_is_a_machines(db: TestDb) {
        let (mut world, mail) = delivered(db).await;
        world.advance(Duration::from_secs(1));
        world.hit(HitKind::Open, &token(&mail, "o")).await.unwrap();
        world.relay().await;
        assert_eq!(
            reported(&world),
            ("email_open".to_owned(), false, Some(Value::Boolean(true)))
        );
    }

    pub(crate) async fn an_opt_out_is_taken_while_profile_store_is_down(db: TestDb) {
        let (mut world, mail) = delivered(db).await;
        let token = token(&mail, "u");
        world.profiles.set_down(true);
        world.hit(HitKind::Unsubscribe, &token).await.unwrap();
        world.hit(HitKind::Unsubscribe, &token).await.unwrap();
        assert_eq!(world.instance.service.relay_once().await.unwrap(), 0);
        world.profiles.set_down(false);
        world.advance(Duration::from_secs(1));
        world.relay().await;
        let opt_outs = std::mem::take(&mut world.profiles.state().opt_outs);
        assert_eq!(opt_outs.len(), 1);
        assert_eq!(opt_outs[0].address_key, "p1@example.com");
        assert_eq!(opt_outs[0].profile_id, person(1).to_string());
        assert_eq!(opt_outs[0].event.as_ref().unwrap().name, "email_unsubscribe");
    }

    pub(crate) async fn looking_at_the_opt_out_page_changes_nothing(db: TestDb) {
        let (mut world, mail) = delivered(db).await;
        let request = RecordHitRequest {
            kind: HitKind::Unsubscribe.into(),
            token: token(&mail, "u"),
            lookup_only: true,
            user_agent: String::new(),
        };
        world
            .instance
            .client
            .record_hit(tonic::Request::new(request))
            .await
            .unwrap();
        world.relay().await;
        assert_eq!(world.profiles.state().opt_outs, []);
    }

    pub(crate) async fn a_wrong_token_is_not_found(db: TestDb) {
        let (mut world, mail) = delivered(db).await;
        let click = token(&mail, "c");
        let mut tampered = click.clone();
        let last = tampered.pop().unwrap();
        tampered.insert(10, last);
        for (kind, token) in [
            (HitKind::Click, tampered.as_str()),
            (HitKind::Click, ""),
            (HitKind::Open, click.as_str()),
            (HitKind::Unsubscribe, click.as_str()),
            (HitKind::Unspecified, click.as_str()),
        ] {
            let status = world.hit(kind, token).await.unwrap_err();
            assert_eq!(
                (status.code(), status.message()),
                (tonic::Code::NotFound, "the link not found")
            );
        }
        world.advance(Duration::from_hours(24 * 800));
        assert!(world.hit(HitKind::Click, &click).await.is_err());
        world.hit(HitKind::Unsubscribe, &token(&mail, "u")).await.unwrap();
    }

    pub(crate) async fn an_opt_out_is_told_though_an_earlier_one_never_could_be(db: TestDb) {
        let (mut world, first) = delivered(db).await;
        world.profiles.subscribe(person(2), "p1@example.com");
        world.enqueue_all(vec![message(2, MARKETING)]).await.unwrap();
        world.deliver().await;
        world.hit(HitKind::Unsubscribe, &token(&first, "u")).await.unwrap();
        let subject = Some(Subject {
            identifier: None,
            profile_ids: vec![person(1).to_string()],
        });
        let subjects = &mut world.instance.subjects;
        let erase = EraseSubjectRequest { subject };
        subjects.erase_subject(call(PROJECT, erase)).await.unwrap();
        let second = world.mails().remove(1);
        world.hit(HitKind::Unsubscribe, &token(&second, "u")).await.unwrap();
        world.relay().await;
        let told: Vec<_> = world
            .profiles
            .state()
            .opt_outs
            .iter()
            .map(|it| it.profile_id.clone())
            .collect();
        assert_eq!(told, [person(2).to_string()]);
    }
}
