use chappe_testkit::for_each_backend;

for_each_backend!(
    a_kill_right_after_the_answer_loses_nothing,
    a_kill_among_the_mails_doubles_no_marketing,
);

mod suite {
    use std::collections::HashSet;

    use chappe_testkit::{Inbox, Mail, TestDb};
    use serde_json::{Value as Json, json};

    use crate::support::Installation;

    const PEOPLE: usize = 150;
    /// Mails that the relay answers before it falls silent.
    const ANSWERED: usize = 20;

    /// Every person gets a mail of each class, after a delay or at once.
    fn resources(delay: &str) -> String {
        let class = |class: &str, event: &str| {
            format!(
                "\
apiVersion: chappe/v1
kind: Sender
metadata: {{ name: {class} }}
spec: {{ address: {class}@shop.example, name: The Shop, class: {class} }}
---
apiVersion: chappe/v1
kind: Template
metadata: {{ name: {class} }}
spec: {{ subject: {class}, text: Thank you. }}
---
apiVersion: chappe/v1
kind: Automation
metadata: {{ name: {class} }}
spec:
  state: RUNNING
  trigger: {{ event: {event} }}
  steps: [{delay}{{ send: {{ template: {class}, sender: {class} }} }}]
"
            )
        };
        format!(
            "{}---\n{}",
            class("marketing", "signed_up"),
            class("transactional", "paid")
        )
    }

    /// Two events of every person in one call.
    fn crowd() -> Json {
        let person = |n: usize| {
            let attributes = json!({"$email_address": format!("p{n}@example.org"), "$email_marketing": "subscribed"});
            let events = json!([{"name": "signed_up"}, {"name": "paid"}]);
            json!({"identifiers": {"custom_id": format!("p{n}")}, "attributes": attributes, "events": events})
        };
        (0..PEOPLE).map(person).collect()
    }

    fn is_settled(status: &Json) -> bool {
        let walks = status["automations"].as_array();
        let is_over = walks.is_some_and(|walks| walks.iter().all(|walk| walk["completed"] == PEOPLE));
        let count = |state: &str| status["messages"][state].as_u64().unwrap();
        is_over && count("sent") + count("unknown") == 2 * u64::try_from(PEOPLE).unwrap()
    }

    /// The mails of one class.
    fn of_class(mails: &[Mail], class: &str) -> Vec<Mail> {
        mails.iter().filter(|mail| mail.subject == class).cloned().collect()
    }

    fn distinct(mails: &[Mail]) -> usize {
        mails.iter().collect::<HashSet<_>>().len()
    }

    pub(super) async fn a_kill_right_after_the_answer_loses_nothing(db: TestDb) {
        let inbox = Inbox::new().await;
        let installation = Installation::new(&db).await.with("--smtp", inbox.address());
        let mesh = installation.start().await;
        installation.apply(&resources("{ delay: 3s }, ")).await;
        mesh.rest.update(&crowd()).await;
        mesh.kill().await;
        assert_eq!(inbox.mails(), []);

        let _mesh = installation.start().await;
        inbox
            .when("all mails are there", |mails| mails.len() == 2 * PEOPLE)
            .await;
        let status = installation.status_when("all mails are out", is_settled).await;
        assert_eq!(
            (&status["profiles"], &status["events"]),
            (&json!(PEOPLE), &json!(2 * PEOPLE))
        );
        let mails = inbox.mails();
        assert_eq!((mails.len(), distinct(&mails)), (2 * PEOPLE, 2 * PEOPLE));
    }

    pub(super) async fn a_kill_among_the_mails_doubles_no_marketing(db: TestDb) {
        let inbox = Inbox::answering(ANSWERED).await;
        let installation = Installation::new(&db).await.with("--smtp", inbox.address());
        let mesh = installation.start().await;
        installation.apply(&resources("")).await;
        mesh.rest.update(&crowd()).await;
        inbox.when("a mail has no answer", |mails| mails.len() > ANSWERED).await;
        mesh.kill().await;
        inbox.answer_all();

        let _mesh = installation.start().await;
        let receipts = |mails: &[Mail]| distinct(&of_class(mails, "transactional"));
        inbox
            .when("all receipts are there", |mails| receipts(mails) == PEOPLE)
            .await;
        let status = installation.status_when("all mails are out", is_settled).await;
        assert_eq!(
            (&status["profiles"], &status["events"]),
            (&json!(PEOPLE), &json!(2 * PEOPLE))
        );
        let mails = inbox.mails();
        // A transactional mail that comes again is the same mail: its Message-ID is.
        assert_eq!(receipts(&mails), PEOPLE);
        let marketing = of_class(&mails, "marketing");
        assert_eq!(marketing.len(), distinct(&marketing));
        let unknown = usize::try_from(status["messages"]["unknown"].as_u64().unwrap()).unwrap();
        assert!(
            PEOPLE - unknown <= marketing.len(),
            "{unknown} unknown, {} there",
            marketing.len()
        );
    }
}
