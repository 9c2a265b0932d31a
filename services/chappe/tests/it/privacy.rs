use chappe_testkit::for_each_backend;

for_each_backend!(
    a_review_holds_one_person_and_an_erasure_removes_her,
    what_no_store_can_hold_is_the_callers_fault,
);

mod suite {
    use std::{fs::File, io::Read as _, path::Path};

    use chappe_testkit::TestDb;
    use reqwest::StatusCode;
    use serde_json::{Value as Json, json};
    use zip::ZipArchive;

    use crate::support::{Installation, Rest};

    const RESOURCES: &str = "\
apiVersion: chappe/v1
kind: Sender
metadata: { name: desk }
spec: { address: desk@shop.example, name: The Shop, class: transactional }
---
apiVersion: chappe/v1
kind: Template
metadata: { name: receipt }
spec: { subject: Thank you, text: Thank you. }
---
apiVersion: chappe/v1
kind: Automation
metadata: { name: receipt }
spec:
  state: RUNNING
  trigger: { event: paid }
  steps: [{ send: { template: receipt, sender: desk } }]
";

    async fn pay(rest: &Rest, custom_id: &str) {
        let attributes = json!({"$email_address": format!("{custom_id}@example.org"), "city": "Brûlon"});
        let events = json!([{"name": "paid", "attributes": {"amount": 9.5}}]);
        let item = json!({"identifiers": {"custom_id": custom_id}, "attributes": attributes, "events": events});
        rest.update(&json!([item])).await;
    }

    async fn recipients(rest: &Rest) -> Vec<Json> {
        let mails = rest.mailbox().await;
        mails.iter().map(|mail| mail["to"][0].clone()).collect()
    }

    /// One document of an archive.
    fn document(archive: &Path, name: &str) -> String {
        let mut archive = ZipArchive::new(File::open(archive).unwrap()).unwrap();
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    pub(super) async fn a_review_holds_one_person_and_an_erasure_removes_her(db: TestDb) {
        let installation = Installation::new(&db).await;
        let mesh = installation.start().await;
        installation.apply(RESOURCES).await;
        pay(&mesh.rest, "ada").await;
        pay(&mesh.rest, "bob").await;
        let sent = |count: u64| move |status: &Json| status["messages"]["sent"] == count;
        installation.status_when("both mails are out", sent(2)).await;

        let archive = installation.path("ada.zip");
        let review = ["privacy", "review", "ada", "--file", archive.to_str().unwrap()];
        assert_eq!(installation.json(&review).await["status"], "done");
        assert_archive(&archive);

        let erased = installation.json(&["privacy", "erase", "ada"]).await;
        let reports = erased["participants"].as_array().unwrap();
        assert!(reports.iter().all(|report| report["verified"] == true), "{erased}");
        assert_eq!(recipients(&mesh.rest).await, ["bob@example.org"]);
        let is_gone = async || {
            let gone = installation.run(&["get", "profile", "ada"]).await;
            assert!(gone.refusal().contains("profile not found"), "{gone:?}");
        };
        is_gone().await;
        let status = installation.status().await;
        assert_eq!((&status["profiles"], &status["events"]), (&json!(1), &json!(1)));
        assert_eq!(status["messages"]["sent"], 1);

        // Late data of hers is taken and thrown away, for a month.
        pay(&mesh.rest, "ada").await;
        pay(&mesh.rest, "bob").await;
        let status = installation.status_when("his second mail is out", sent(2)).await;
        assert_eq!((&status["profiles"], &status["events"]), (&json!(1), &json!(2)));
        assert_eq!(recipients(&mesh.rest).await, ["bob@example.org", "bob@example.org"]);
        is_gone().await;
    }

    pub(super) async fn what_no_store_can_hold_is_the_callers_fault(db: TestDb) {
        let installation = Installation::new(&db).await;
        let mesh = installation.start().await;
        for kind in ["Project", "Sender", "Template", "Automation"] {
            let path = format!("/chappe/v1/resources/{kind}/a%00b");
            let answer = mesh.rest.get(&path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{kind}");
        }
        let body = json!({"type": "remove", "custom_id": "a\0b"}).to_string();
        let answer = mesh.rest.post("/chappe/v1/privacy/requests").body(body);
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let error: Json = answer.json().await.unwrap();
        assert_eq!(error["error"]["reason"], "INVALID_FIELD");
    }

    fn assert_archive(archive: &Path) {
        let profile: Json = serde_json::from_str(&document(archive, "profile-store/profile.json")).unwrap();
        let attributes = json!({"$email_address": "ada@example.org", "city": "Brûlon"});
        assert_eq!(profile[0]["attributes"], attributes);
        let events = document(archive, "profile-store/events.ndjson");
        let events = events.lines().map(|line| serde_json::from_str(line).unwrap());
        let paid: Vec<Json> = events.filter(|event: &Json| event["name"] == "paid").collect();
        assert_eq!(paid.len(), 1);
        assert_eq!(paid[0]["attributes"], json!({"amount": 9.5}));
    }
}
