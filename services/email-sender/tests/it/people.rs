use chappe_testkit::for_each_backend;

for_each_backend!(
    an_export_lists_every_message,
    an_erasure_leaves_nothing_but_the_hash_that_keeps_mail_away,
    an_erasure_in_the_middle_of_a_delivery_stops_it,
    a_message_is_forgotten_when_its_links_are_dead,
);

mod suite {
    use std::time::Duration;

    use chappe_kit::grpc::call;
    use chappe_proto::{
        email::{HitKind, MessageState},
        privacy::{EraseSubjectRequest, ExportSubjectRequest, Subject, VerifyErasedRequest},
    };
    use chappe_smtp::scripted::Script;
    use chappe_testkit::TestDb;

    use crate::support::{MARKETING, PROJECT, TRANSACTIONAL, World, message, person, token};

    fn subject(number: u128) -> Subject {
        Subject {
            identifier: None,
            profile_ids: vec![person(number).to_string()],
        }
    }

    async fn remaining(world: &mut World, number: u128) -> Vec<String> {
        let request = VerifyErasedRequest {
            subject: Some(subject(number)),
        };
        let response = world
            .instance
            .subjects
            .verify_erased(call(PROJECT, request))
            .await
            .unwrap()
            .into_inner();
        let mut kinds: Vec<_> = response.remaining.into_keys().collect();
        kinds.sort();
        kinds
    }

    pub(crate) async fn an_export_lists_every_message(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.enqueue(2, MARKETING).await;
        world.deliver().await;
        let request = ExportSubjectRequest {
            subject: Some(subject(1)),
        };
        let mut documents = world
            .instance
            .subjects
            .export_subject(call(PROJECT, request))
            .await
            .unwrap()
            .into_inner();
        let document = documents.message().await.unwrap().unwrap();
        assert_eq!(document.file_name, "messages.json");
        let messages: serde_json::Value = serde_json::from_slice(&document.content).unwrap();
        assert_eq!(messages.as_array().unwrap().len(), 1);
        assert_eq!(messages[0]["recipient"], "p1@example.com");
        assert_eq!(messages[0]["state"], "accepted");
        assert!(documents.message().await.unwrap().is_none());
    }

    pub(crate) async fn an_erasure_leaves_nothing_but_the_hash_that_keeps_mail_away(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.enqueue(2, MARKETING).await;
        world.deliver().await;
        let token = token(&world.mails()[0], "u");
        assert_eq!(remaining(&mut world, 1).await, ["messages", "outcomes", "reports"]);
        let request = EraseSubjectRequest {
            subject: Some(subject(1)),
        };
        let erased = world
            .instance
            .subjects
            .erase_subject(call(PROJECT, request))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(erased.deleted["messages"], 1);
        assert_eq!(erased.retained.len(), 1);
        assert_eq!(remaining(&mut world, 1).await, Vec::<String>::new());
        assert_eq!(remaining(&mut world, 2).await, ["messages", "outcomes", "reports"]);

        world.hit(HitKind::Unsubscribe, &token).await.unwrap();
        world.relay().await;
        assert_eq!(world.profiles.state().opt_outs, []);
        let recipient = world.smtp.received()[0].rcpt_to[0].clone();
        world.profiles.subscribe(person(3), &recipient);
        world.enqueue_all(vec![message(3, MARKETING)]).await.unwrap();
        world.deliver().await;
        assert_eq!(world.message(3).await.reason, "not_subscribed");
        world.profiles.state().engagement.clear();
    }

    pub(crate) async fn an_erasure_in_the_middle_of_a_delivery_stops_it(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, TRANSACTIONAL).await;
        world.enqueue(2, TRANSACTIONAL).await;
        let mut subjects = world.instance.subjects.clone();
        world.profiles.before_answer(Box::pin(async move {
            let request = EraseSubjectRequest {
                subject: Some(subject(1)),
            };
            subjects.erase_subject(call(PROJECT, request)).await.unwrap();
        }));
        world.deliver().await;
        let recipients: Vec<_> = world
            .smtp
            .received()
            .into_iter()
            .map(|it| it.rcpt_to[0].clone())
            .collect();
        assert_eq!(recipients, ["p2@example.com"]);
        assert_eq!(world.state(2).await, MessageState::Accepted);
        assert_eq!(remaining(&mut world, 1).await, Vec::<String>::new());
    }

    pub(crate) async fn a_message_is_forgotten_when_its_links_are_dead(db: TestDb) {
        const DAY: Duration = Duration::from_hours(24);
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.deliver().await;
        world.enqueue(2, MARKETING).await;
        let click = token(&world.mails()[0], "c");
        world.advance(730 * DAY);
        assert_eq!(world.instance.service.purge_once().await.unwrap(), 0);
        world.hit(HitKind::Click, &click).await.unwrap();

        world.advance(DAY);
        world.hit(HitKind::Click, &click).await.unwrap_err();
        world.advance(Duration::from_secs(1));
        assert_eq!(world.instance.service.purge_once().await.unwrap(), 1);
        assert_eq!(remaining(&mut world, 1).await, ["outcomes", "reports"]);
        assert_eq!(world.state(2).await, MessageState::Queued);
        world.profiles.state().engagement.clear();
    }
}
