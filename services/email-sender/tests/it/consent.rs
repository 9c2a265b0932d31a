use chappe_testkit::for_each_backend;

for_each_backend!(
    an_unsubscription_before_the_claim_is_honoured,
    an_opt_out_by_link_is_honoured_before_profile_store_knows,
    somebody_who_subscribes_again_gets_mail_again,
    a_person_who_is_gone_gets_nothing,
    a_merged_person_gets_their_mail_where_they_are,
    a_message_that_waited_too_long_is_not_sent,
    consent_that_has_grown_old_is_read_again,
    messages_wait_while_profile_store_is_down,
    profiles_that_do_not_fit_one_answer_are_read_by_halves,
    a_template_that_fails_skips_one_message,
    a_retired_profile_is_refused_silently,
);

mod suite {
    use std::time::Duration;

    use chappe_kit::grpc::{MAX_MESSAGE_BYTES, call};
    use chappe_proto::{
        email::{HitKind, MessageState},
        privacy::{EraseSubjectRequest, Subject},
    };
    use chappe_smtp::scripted::Script;
    use chappe_testkit::TestDb;
    use serde_json::json;

    use crate::support::{MARKETING, PROJECT, TRANSACTIONAL, World, message, message_id, person, resource, token};

    async fn assert_skipped(world: &mut World, number: u128, reason: &str) {
        let message = world.message(number).await;
        assert_eq!(
            (message.state(), message.reason.as_str()),
            (MessageState::Skipped, reason)
        );
        let outcomes = world.outcomes().await;
        assert!(
            outcomes.contains(&(message_id(number).to_string(), MessageState::Skipped, reason.to_owned())),
            "{outcomes:?}"
        );
    }

    pub(crate) async fn an_unsubscription_before_the_claim_is_honoured(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.profiles.set(person(1), "$email_marketing", "unsubscribed");
        world.deliver().await;
        assert_eq!(world.mails().len(), 0);
        assert_skipped(&mut world, 1, "not_subscribed").await;
        world.relay().await;
        assert_eq!(world.profiles.events(), ["email_skipped"]);
    }

    pub(crate) async fn an_opt_out_by_link_is_honoured_before_profile_store_knows(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.deliver().await;
        let token = token(&world.mails()[0], "u");
        world.hit(HitKind::Unsubscribe, &token).await.unwrap();
        world.profiles.subscribe(person(2), "P1@EXAMPLE.com");
        world
            .enqueue_all(vec![message(2, MARKETING), message(3, TRANSACTIONAL)])
            .await
            .unwrap();
        world.profiles.subscribe(person(3), "p1@example.com");
        world.deliver().await;
        assert_skipped(&mut world, 2, "not_subscribed").await;
        assert_eq!(world.state(3).await, MessageState::Accepted);
    }

    pub(crate) async fn somebody_who_subscribes_again_gets_mail_again(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.deliver().await;
        let token = token(&world.mails()[0], "u");
        world.hit(HitKind::Unsubscribe, &token).await.unwrap();
        world.relay().await;
        world.advance(Duration::from_mins(1));
        world
            .db
            .age(Duration::from_mins(1), &[("opt_outs", "relayed_at")])
            .await;
        world.profiles.subscribe(person(2), "p1@example.com");
        world.enqueue_all(vec![message(2, MARKETING)]).await.unwrap();
        world.deliver().await;
        assert_eq!(world.state(2).await, MessageState::Accepted);
    }

    pub(crate) async fn a_person_who_is_gone_gets_nothing(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, TRANSACTIONAL).await;
        world.enqueue(2, TRANSACTIONAL).await;
        world.profiles.remove(person(1));
        world.profiles.set(person(2), "$email_address", "");
        world.deliver().await;
        assert_eq!(world.mails().len(), 0);
        assert_skipped(&mut world, 1, "gone").await;
        assert_skipped(&mut world, 2, "no_address").await;
        world.relay().await;
        assert_eq!(world.profiles.events(), ["email_skipped"]);
    }

    pub(crate) async fn a_merged_person_gets_their_mail_where_they_are(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.profiles.subscribe(person(2), "survivor@example.com");
        world.profiles.merge(person(1), person(2));
        world.deliver().await;
        assert_eq!(world.smtp.received()[0].rcpt_to, ["survivor@example.com"]);
        assert_eq!(world.message(2).await.message_id, message_id(1).to_string());
    }

    pub(crate) async fn a_message_that_waited_too_long_is_not_sent(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.advance(Duration::from_hours(25));
        world.deliver().await;
        assert_skipped(&mut world, 1, "expired").await;
    }

    pub(crate) async fn consent_that_has_grown_old_is_read_again(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        let clock = world.clock.clone();
        let slow = async move { clock.advance(chrono::TimeDelta::seconds(6)) };
        world.profiles.before_answer(Box::pin(slow));
        assert_eq!(world.instance.service.deliver_once().await.unwrap(), 1);
        let message = world.message(1).await;
        assert_eq!((message.state(), message.attempts), (MessageState::Queued, 0));
        world.profiles.set(person(1), "$email_marketing", "unsubscribed");
        world.deliver().await;
        assert_eq!(world.mails().len(), 0);
        assert_skipped(&mut world, 1, "not_subscribed").await;
    }

    pub(crate) async fn messages_wait_while_profile_store_is_down(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.profiles.set_down(true);
        world.instance.service.deliver_once().await.unwrap_err();
        assert_eq!(world.state(1).await, MessageState::Queued);
        world.profiles.set_down(false);
        world.advance(Duration::from_secs(1));
        world.deliver().await;
        assert_eq!(world.state(1).await, MessageState::Accepted);
    }

    pub(crate) async fn a_template_that_fails_skips_one_message(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        let template = json!({"subject": "{{ firstname|abs }}", "text": "x"});
        world.apply(vec![resource("Template", "wrong", &template)]).await;
        world.enqueue(1, MARKETING).await;
        world.profiles.subscribe(person(2), "p2@example.com");
        let mut wrong = message(2, MARKETING);
        "wrong".clone_into(&mut wrong.template);
        world.enqueue_all(vec![wrong]).await.unwrap();
        world.deliver().await;
        assert_skipped(&mut world, 2, "render_error").await;
        assert_eq!(world.state(1).await, MessageState::Accepted);
    }

    pub(crate) async fn a_retired_profile_is_refused_silently(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        let subject = Some(Subject {
            identifier: None,
            profile_ids: vec![person(1).to_string()],
        });
        world
            .instance
            .subjects
            .erase_subject(call(PROJECT, EraseSubjectRequest { subject }))
            .await
            .unwrap();
        assert_eq!(world.enqueue_all(vec![message(1, MARKETING)]).await.unwrap(), 0);
    }

    pub(crate) async fn profiles_that_do_not_fit_one_answer_are_read_by_halves(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        let large = "x".repeat(MAX_MESSAGE_BYTES / 2);
        for number in 1..=3 {
            world.enqueue(number, MARKETING).await;
            world.profiles.set(person(number), "large", &large);
        }
        world.deliver().await;
        for number in 1..=3 {
            assert_eq!(world.state(number).await, MessageState::Accepted);
        }
    }
}
