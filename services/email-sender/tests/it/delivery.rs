use chappe_smtp::scripted::Script;
use chappe_testkit::for_each_backend;

for_each_backend!(
    a_marketing_mail_arrives_with_a_way_out,
    a_transactional_mail_arrives_without_one,
    a_message_handed_over_twice_is_one_mail,
    two_instances_deliver_each_message_once,
    a_cancelled_message_is_not_sent,
    outcomes_and_events_tell_of_the_delivery,
    a_name_that_does_not_exist_refuses_the_whole_call,
    delivery_runs_by_itself_once_started,
);

mod suite {
    use std::{collections::BTreeSet, time::Duration};

    use chappe_kit::grpc::call;
    use chappe_proto::email::{
        AckOutcomesRequest, CancelRequest, GetCountsRequest, MessageState, OutcomeRef, PullOutcomesRequest,
    };
    use chappe_testkit::TestDb;
    use mail_parser::MessageParser;

    use super::Script;
    use crate::support::{MARKETING, PROJECT, PUBLIC_URL, TRANSACTIONAL, World, header, message, message_id, person};

    pub(crate) async fn a_marketing_mail_arrives_with_a_way_out(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.deliver().await;
        let received = world.smtp.received();
        assert_eq!(received.len(), 1);
        assert_eq!(
            (received[0].mail_from.as_str(), received[0].rcpt_to.as_slice()),
            ("news@shop.example", &["p1@example.com".to_owned()][..])
        );
        let mail = &world.mails()[0];
        let unsubscribe = header(mail, "List-Unsubscribe").unwrap();
        assert!(unsubscribe.starts_with(&format!("<{PUBLIC_URL}/u/")), "{unsubscribe}");
        assert_eq!(
            header(mail, "List-Unsubscribe-Post").as_deref(),
            Some("List-Unsubscribe=One-Click")
        );
        assert_eq!(header(mail, "Auto-Submitted"), None);
        assert_eq!(header(mail, "Date").as_deref(), Some("Tue, 14 Nov 2023 22:13:20 +0000"));
        assert!(header(mail, "Message-ID").unwrap().ends_with("@shop.example>"));
        assert!(header(mail, "Feedback-ID").unwrap().starts_with("thank-you:"));
        assert!(header(mail, "X-Chappe-Ref").is_some());
        let parsed = MessageParser::new().parse(mail.as_bytes()).unwrap();
        assert_eq!(parsed.subject(), Some("Hello Ann"));
        let html = parsed.body_html(0).unwrap();
        assert!(html.contains("Hi Ann") && html.contains(">Unsubscribe</a>"), "{html}");
        assert!(!html.contains("https://shop.example/"), "{html}");
        assert!(parsed.body_text(0).unwrap().contains("Hi Ann"));
        assert_eq!(world.state(1).await, MessageState::Accepted);
    }

    pub(crate) async fn a_transactional_mail_arrives_without_one(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.profiles.set(person(1), "$email_address", "p1@example.com");
        world.enqueue_all(vec![message(1, TRANSACTIONAL)]).await.unwrap();
        world.deliver().await;
        let mail = &world.mails()[0];
        assert_eq!(header(mail, "List-Unsubscribe"), None);
        assert_eq!(header(mail, "List-Unsubscribe-Post"), None);
        assert_eq!(header(mail, "Auto-Submitted").as_deref(), Some("auto-generated"));
        assert!(!mail.contains("/u/"), "{mail}");
    }

    pub(crate) async fn a_message_handed_over_twice_is_one_mail(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        assert_eq!(
            world
                .enqueue_all(vec![message(1, MARKETING), message(2, MARKETING)])
                .await
                .unwrap(),
            1
        );
        world.profiles.subscribe(person(2), "p2@example.com");
        world.deliver().await;
        assert_eq!(world.enqueue_all(vec![message(1, MARKETING)]).await.unwrap(), 0);
        world.deliver().await;
        assert_eq!(world.mails().len(), 2);
    }

    pub(crate) async fn two_instances_deliver_each_message_once(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        for number in 0..500 {
            world
                .profiles
                .subscribe(person(number), &format!("p{number}@example.com"));
        }
        world
            .enqueue_all((0..500).map(|number| message(number, MARKETING)).collect())
            .await
            .unwrap();
        let other = world.second_instance().await;
        let drain = async |service: &email_sender::Service| {
            let mut count = 0;
            loop {
                match service.deliver_once().await.unwrap() {
                    0 => return count,
                    sent => count += sent,
                }
            }
        };
        let (ours, theirs) = tokio::join!(drain(&world.instance.service), drain(&other.service));
        assert_eq!(ours + theirs, 500);
        let recipients: BTreeSet<_> = world
            .smtp
            .received()
            .into_iter()
            .map(|it| it.rcpt_to[0].clone())
            .collect();
        assert_eq!((recipients.len(), world.smtp.received().len()), (500, 500));
        let counts = world
            .instance
            .client
            .get_counts(call(PROJECT, GetCountsRequest {}))
            .await
            .unwrap()
            .into_inner();
        assert_eq!((counts.sent, counts.queued), (500, 0));
    }

    pub(crate) async fn a_cancelled_message_is_not_sent(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.enqueue(2, MARKETING).await;
        let cancel = |number| CancelRequest {
            message_ids: vec![message_id(number).to_string()],
        };
        let client = &mut world.instance.client;
        let cancelled = client.cancel(call(PROJECT, cancel(1))).await.unwrap().into_inner();
        assert_eq!(cancelled.cancelled_message_ids, [message_id(1).to_string()]);
        let outcome = (message_id(1).to_string(), MessageState::Cancelled, String::new());
        assert_eq!(world.outcomes().await, [outcome]);
        world.deliver().await;
        assert_eq!(world.mails().len(), 1);
        let client = &mut world.instance.client;
        let too_late = client.cancel(call(PROJECT, cancel(2))).await.unwrap().into_inner();
        assert_eq!(too_late.cancelled_message_ids, Vec::<String>::new());
        assert_eq!(world.state(1).await, MessageState::Cancelled);
    }

    pub(crate) async fn outcomes_and_events_tell_of_the_delivery(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        world.deliver().await;
        let outcomes = world.outcomes().await;
        assert_eq!(
            outcomes,
            [(message_id(1).to_string(), MessageState::Accepted, String::new())]
        );
        let outcomes = vec![OutcomeRef {
            project_id: PROJECT.to_string(),
            message_id: message_id(1).to_string(),
        }];
        world
            .instance
            .client
            .ack_outcomes(tonic::Request::new(AckOutcomesRequest { outcomes }))
            .await
            .unwrap();
        assert_eq!(world.outcomes().await, []);
        world.relay().await;
        assert_eq!(world.profiles.events(), ["email_delivered", "email_sent"]);
        assert!(world.profiles.state().engagement.iter().all(|it| !it.activity));
    }

    pub(crate) async fn a_name_that_does_not_exist_refuses_the_whole_call(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        let mut wrong = message(2, "nobody");
        "nothing".clone_into(&mut wrong.template);
        let status = world.enqueue_all(vec![message(1, MARKETING), wrong]).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        assert!(
            status
                .message()
                .contains("messages[1].template: there is no Template named nothing"),
            "{status}"
        );
        assert!(
            status
                .message()
                .contains("messages[1].sender: there is no Sender named nobody"),
            "{status}"
        );
        world.deliver().await;
        assert_eq!(world.mails().len(), 0);
    }

    pub(crate) async fn delivery_runs_by_itself_once_started(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.instance.service.start();
        world.enqueue(1, MARKETING).await;
        let request = PullOutcomesRequest {
            lanes: (0..64).collect(),
            max_rows: 10,
            wait_ms: 30_000,
        };
        let pulled = world
            .instance
            .client
            .pull_outcomes(tonic::Request::new(request))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(pulled.outcomes[0].state(), MessageState::Accepted);
        let lifecycle = &world.instance.lifecycle;
        lifecycle.stop();
        assert!(lifecycle.drained(Duration::from_secs(10)).await);
    }
}
