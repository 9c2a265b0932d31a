use chappe_testkit::for_each_backend;

for_each_backend!(an_event_becomes_a_mail_until_the_person_opts_out);

mod suite {
    use chappe_testkit::TestDb;
    use reqwest::StatusCode;
    use serde_json::{Value as Json, json};

    use crate::support::{Installation, Rest};

    /// What users are told to try.
    const README: &str = include_str!("../../../../README.md");

    pub(super) async fn an_event_becomes_a_mail_until_the_person_opts_out(db: TestDb) {
        let installation = Installation::new(&db).await;
        let mesh = installation.start().await;
        let rest = &mesh.rest;
        installation.apply(between("<<'YAML'\n", "\nYAML\n")).await;
        rest.update(between("-d '", "'\n```")).await;
        installation
            .status_when("the mail is out", |status| status["messages"]["sent"] == 1)
            .await;

        let mails = rest.mailbox().await;
        assert_eq!(mails.len(), 1);
        let mail = &mails[0];
        assert_eq!(
            (&mail["to"], &mail["subject"]),
            (&json!(["ada@example.org"]), &json!("Welcome Ada"))
        );
        assert_eq!(mail["headers"]["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
        follow_the_link(rest, mail).await;
        opt_out(rest, mail).await;

        let again = json!([{"identifiers": {"custom_id": "ada"}, "events": [{"name": "signed_up"}]}]);
        rest.update(&again).await;
        let status = installation
            .status_when("the second mail is decided on", |status| {
                status["messages"]["skipped"] == 1
            })
            .await;
        assert_eq!(rest.mailbox().await.len(), 1);
        let mut messages = json!({"queued": 0, "deferred": 0, "bounced": 0, "unknown": 0, "cancelled": 0});
        (messages["sent"], messages["skipped"]) = (json!(1), json!(1));
        let walks = json!([{"name": "welcome", "live": 0, "completed": 2, "cancelled": 0, "ended": 0}]);
        let expected = json!({
            "profiles": 1, "events": 2, "messages": messages, "skipped_by_reason": {"not_subscribed": 1},
            "automations": walks, "parked": 0,
        });
        assert_eq!(status, expected);
    }

    async fn follow_the_link(rest: &Rest, mail: &Json) {
        let html = mail["html"].as_str().unwrap();
        let link = html.split(['"', '\'']).find(|part| part.contains("/c/")).unwrap();
        let answer = rest.http.get(link).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FOUND);
        assert_eq!(answer.headers()["location"], "https://shop.example/");
    }

    /// One click, as a mail program does it (RFC 8058).
    async fn opt_out(rest: &Rest, mail: &Json) {
        let header = mail["headers"]["List-Unsubscribe"].as_str().unwrap();
        let url = header.strip_prefix('<').and_then(|url| url.strip_suffix('>')).unwrap();
        assert!(url.starts_with(&format!("{}/u/", rest.url())), "{url}");
        let click = rest.http.post(url).body("List-Unsubscribe=One-Click").send();
        assert_eq!(click.await.unwrap().status(), StatusCode::OK);
    }

    /// A part of the README.
    fn between(start: &str, end: &str) -> &'static str {
        let rest = README.split_once(start).unwrap().1;
        rest.split_once(end).unwrap().0
    }
}
