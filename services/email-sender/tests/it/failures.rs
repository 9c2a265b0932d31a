use chappe_testkit::for_each_backend;

for_each_backend!(
    a_deferred_message_is_sent_later_under_the_same_id,
    a_refusal_for_good_suppresses_a_dead_address,
    a_refusal_by_policy_suppresses_nobody,
    marketing_that_may_have_arrived_is_not_sent_again,
    transactional_mail_that_may_not_have_arrived_is_sent_again,
    a_relay_that_comes_back_gets_everything_once,
    a_busy_relay_costs_no_attempt,
    leases_of_a_dead_process_follow_the_class,
);

mod suite {
    use std::time::Duration;

    use chappe_proto::email::MessageState;
    use chappe_smtp::{
        Reply,
        scripted::{Action, Script, Server, Stage},
    };
    use chappe_store::Sql;
    use chappe_testkit::TestDb;

    use crate::support::{MARKETING, TRANSACTIONAL, World, header, message, person};

    fn reply(code: u16, enhanced: &str, text: &str) -> Action {
        Action::Reply(Reply::new(code, enhanced, text))
    }

    pub(crate) async fn a_deferred_message_is_sent_later_under_the_same_id(db: TestDb) {
        let script = Script::new().nth(1, Stage::Rcpt, reply(450, "4.2.1", "later"));
        let mut world = World::new(db, script).await;
        world.enqueue(1, TRANSACTIONAL).await;
        world.deliver().await;
        assert_eq!(world.state(1).await, MessageState::Deferred);
        assert_eq!(world.message(1).await.reason, "450 4.2.1 later");
        assert_eq!(world.outcomes().await, []);
        world.advance(Duration::from_mins(1));
        world.deliver().await;
        assert_eq!(world.state(1).await, MessageState::Accepted);
        assert_eq!(world.message(1).await.attempts, 2);
        let mail = &world.mails()[0];
        assert_eq!(header(mail, "Date").as_deref(), Some("Tue, 14 Nov 2023 22:13:20 +0000"));
    }

    pub(crate) async fn a_refusal_for_good_suppresses_a_dead_address(db: TestDb) {
        let script = Script::new().to("p1@example.com", Stage::Rcpt, reply(550, "5.1.1", "nobody here"));
        let mut world = World::new(db, script).await;
        world.enqueue(1, MARKETING).await;
        world.deliver().await;
        assert_eq!(world.state(1).await, MessageState::Rejected);
        world.profiles.subscribe(person(2), "p1@example.com");
        world.enqueue_all(vec![message(2, TRANSACTIONAL)]).await.unwrap();
        world.deliver().await;
        let second = world.message(2).await;
        assert_eq!(
            (second.state(), second.reason.as_str()),
            (MessageState::Skipped, "suppressed")
        );
        assert_eq!(world.smtp.reached(Stage::Rcpt), 1);
        world.relay().await;
        assert_eq!(
            world.profiles.events(),
            ["email_hard_bounce", "email_sent", "email_skipped"]
        );
    }

    pub(crate) async fn a_refusal_by_policy_suppresses_nobody(db: TestDb) {
        let script = Script::new().nth(1, Stage::Message, reply(554, "5.7.1", "we do not like you"));
        let mut world = World::new(db, script).await;
        world.enqueue(1, MARKETING).await;
        world.deliver().await;
        world.profiles.subscribe(person(2), "p1@example.com");
        world.enqueue_all(vec![message(2, MARKETING)]).await.unwrap();
        world.deliver().await;
        assert_eq!(
            (world.state(1).await, world.state(2).await),
            (MessageState::Rejected, MessageState::Accepted)
        );
        world.relay().await;
        assert!(world.profiles.events().contains(&"email_block_bounce".to_owned()));
    }

    pub(crate) async fn marketing_that_may_have_arrived_is_not_sent_again(db: TestDb) {
        let mut world = World::new(db, Script::new().nth(1, Stage::Message, Action::LoseReply)).await;
        world.enqueue(1, MARKETING).await;
        world.deliver().await;
        assert_eq!(world.state(1).await, MessageState::Unknown);
        assert_eq!(world.outcomes().await[0].1, MessageState::Unknown);
        world.advance(Duration::from_hours(10));
        world.deliver().await;
        assert_eq!(world.mails().len(), 1);
    }

    pub(crate) async fn transactional_mail_that_may_not_have_arrived_is_sent_again(db: TestDb) {
        let mut world = World::new(db, Script::new().nth(1, Stage::Message, Action::LoseReply)).await;
        world.enqueue(1, TRANSACTIONAL).await;
        world.deliver().await;
        assert_eq!(world.state(1).await, MessageState::Queued);
        world.advance(Duration::from_mins(1));
        world.deliver().await;
        assert_eq!(world.state(1).await, MessageState::Accepted);
        let mails = world.mails();
        assert_eq!(mails.len(), 2);
        for name in ["Message-ID", "Date"] {
            assert_eq!(header(&mails[0], name), header(&mails[1], name), "{name}");
        }
    }

    pub(crate) async fn a_relay_that_comes_back_gets_everything_once(db: TestDb) {
        let refused = Action::ReplyThenClose(Reply::new(554, "5.3.2", "closed"));
        let mut world = World::new(db, Script::new().nth(1, Stage::Greeting, refused)).await;
        world.enqueue(1, MARKETING).await;
        world.deliver().await;
        let message = world.message(1).await;
        assert_eq!((message.state(), message.attempts), (MessageState::Queued, 0));
        assert_eq!(
            message.reason,
            "the SMTP server answered 554 5.3.2 closed to connecting"
        );
        assert_eq!(world.smtp.reached(Stage::Greeting), 1);
        world.deliver().await;
        assert_eq!(
            world.smtp.reached(Stage::Greeting),
            1,
            "a dead relay is left alone for a while"
        );
        world.advance(Duration::from_secs(1));
        world.deliver().await;
        assert_eq!(world.state(1).await, MessageState::Accepted);
        assert_eq!(world.mails().len(), 1);
    }

    pub(crate) async fn a_busy_relay_costs_no_attempt(db: TestDb) {
        let mut world = World::new(
            db,
            Script::new().nth(1, Stage::Message, reply(451, "4.7.1", "slow down")),
        )
        .await;
        world.enqueue(1, MARKETING).await;
        world.deliver().await;
        let message = world.message(1).await;
        assert_eq!((message.state(), message.attempts), (MessageState::Queued, 0));
        assert_eq!(message.reason, "451 4.7.1 slow down");
        world.advance(Duration::from_secs(1));
        world.deliver().await;
        let message = world.message(1).await;
        assert_eq!((message.attempts, message.reason.as_str()), (1, ""));
    }

    /// Stands in for a process that was killed between the mark and the answer.
    async fn pretend_attempting(world: &World) {
        let claim = uuid::Uuid::from_u128(77);
        let mark = world.db.db().write(async |txn| {
            Sql::new("update messages set state = 3, attempts = 1, claimed_by = {claim}, lease_until = {db_now} + 10000000 where state = 1")
                .bind("claim", claim)
                .execute(txn)
                .await
        });
        assert_eq!(mark.await.unwrap(), 2);
    }

    pub(crate) async fn leases_of_a_dead_process_follow_the_class(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.enqueue(2, TRANSACTIONAL).await;
        pretend_attempting(&world).await;
        assert_eq!(world.instance.service.settle_once().await.unwrap(), 0);
        world.advance(Duration::from_hours(1));
        let settled = world.instance.service.settle_once().await.unwrap();
        assert_eq!(settled, 0, "a replica whose clock is wrong ends nobody's claims");
        world
            .db
            .age(Duration::from_secs(11), &[("messages", "lease_until")])
            .await;
        assert_eq!(world.instance.service.settle_once().await.unwrap(), 2);
        assert_eq!(
            (world.state(1).await, world.state(2).await),
            (MessageState::Unknown, MessageState::Queued)
        );
        assert_eq!(world.outcomes().await.len(), 1);

        world.enqueue(3, MARKETING).await;
        pretend_attempting(&world).await;
        let relay = Server::start(Script::new()).await;
        let after = world.restarted(relay.url()).await;
        assert_eq!(
            (world.state(3).await, world.state(2).await),
            (MessageState::Unknown, MessageState::Queued)
        );
        while after.service.deliver_once().await.unwrap() > 0 {}
        assert_eq!(relay.received().len(), 1);
        assert_eq!(world.state(2).await, MessageState::Accepted);
    }
}
