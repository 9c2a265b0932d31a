use chappe_testkit::for_each_backend;

for_each_backend!(
    applying_twice_changes_nothing,
    every_fault_is_told_and_nothing_is_written,
    a_message_keeps_the_version_it_was_taken_over_with,
    a_deleted_name_can_be_used_again,
    a_name_that_no_store_can_hold_is_nobodys,
    no_project_sees_anothers,
);

mod suite {
    use chappe_ids::ProjectId;
    use chappe_kit::grpc::call;
    use chappe_proto::{
        email::{GetCountsRequest, ListMessagesRequest},
        types::{
            ApplyAction, ApplyResourcesRequest, ApplyResult, DeleteResourceRequest, ListResourcesRequest, Resource,
        },
    };
    use chappe_smtp::scripted::Script;
    use chappe_testkit::TestDb;
    use mail_parser::MessageParser;
    use serde_json::json;
    use uuid::Uuid;

    use ApplyAction::{Configured, Created, Unchanged};

    use crate::support::{MARKETING, PROJECT, World, message, resource};

    async fn apply(world: &mut World, resources: Vec<Resource>, validate_only: bool) -> Vec<ApplyResult> {
        let request = ApplyResourcesRequest {
            resources,
            validate_only,
        };
        world
            .instance
            .client
            .apply_resources(call(PROJECT, request))
            .await
            .unwrap()
            .into_inner()
            .results
    }

    async fn list(world: &mut World, kind: &str, name: &str) -> Vec<Resource> {
        let request = ListResourcesRequest {
            kind: kind.to_owned(),
            name: name.to_owned(),
        };
        world
            .instance
            .client
            .list_resources(call(PROJECT, request))
            .await
            .unwrap()
            .into_inner()
            .resources
    }

    fn template(subject: &str) -> Resource {
        resource("Template", "note", &json!({"subject": subject, "text": "x"}))
    }

    pub(crate) async fn applying_twice_changes_nothing(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        let mut actions = Vec::new();
        for (subject, dry) in [
            ("a", true),
            ("a", false),
            ("a", false),
            ("b", true),
            ("b", false),
            ("b", false),
        ] {
            actions.push(apply(&mut world, vec![template(subject)], dry).await[0].action());
        }
        assert_eq!(
            actions,
            [Created, Created, Unchanged, Configured, Configured, Unchanged]
        );
        let listed = list(&mut world, "Template", "note").await;
        assert_eq!((listed.len(), listed[0].version), (1, 2));
        assert_eq!(
            list(&mut world, "Sender", "")
                .await
                .iter()
                .map(|it| it.name.as_str())
                .collect::<Vec<_>>(),
            ["news", "shop"]
        );
    }

    pub(crate) async fn every_fault_is_told_and_nothing_is_written(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        let wrong = resource(
            "Sender",
            "bad",
            &json!({"address": "nowhere", "class": "marketing", "dkim": []}),
        );
        let broken = resource("Template", "worse", &json!({"subject": "{{ a", "html": "x"}));
        let results = apply(
            &mut world,
            vec![
                template("a"),
                wrong,
                broken,
                resource("Segment", "s", &json!({})),
                resource("Template", "a name", &json!({"subject": "a", "text": "b"})),
            ],
            false,
        )
        .await;
        let paths: Vec<Vec<_>> = results
            .iter()
            .map(|it| it.faults.iter().map(|it| it.path.as_str()).collect())
            .collect();
        assert_eq!(
            paths,
            [
                vec![],
                vec!["spec.address", "spec.dkim"],
                vec!["spec.subject"],
                vec!["kind"],
                vec!["metadata.name"],
            ]
        );
        assert!(
            results[2].faults[0]
                .message
                .starts_with("line 1, column 1: this tag is not closed")
        );
        assert_eq!(list(&mut world, "Template", "note").await, []);
    }

    pub(crate) async fn a_message_keeps_the_version_it_was_taken_over_with(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        for (number, subject) in [(1, "first"), (2, "second")] {
            apply(&mut world, vec![template(subject)], false).await;
            world.enqueue(number + 10, MARKETING).await;
            let mut note = message(number, MARKETING);
            "note".clone_into(&mut note.template);
            world
                .profiles
                .subscribe(crate::support::person(number), &format!("p{number}@example.com"));
            world.enqueue_all(vec![note]).await.unwrap();
        }
        world.deliver().await;
        let mails = world.mails();
        let mut subjects: Vec<_> = mails
            .iter()
            .map(|mail| {
                MessageParser::new()
                    .parse(mail.as_bytes())
                    .unwrap()
                    .subject()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        subjects.sort();
        assert_eq!(subjects, ["Hello Ann", "Hello Ann", "first", "second"]);
    }

    pub(crate) async fn a_deleted_name_can_be_used_again(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        apply(&mut world, vec![template("a")], false).await;
        let delete = || DeleteResourceRequest {
            kind: "Template".to_owned(),
            name: "note".to_owned(),
        };
        world
            .instance
            .client
            .delete_resource(call(PROJECT, delete()))
            .await
            .unwrap();
        assert_eq!(list(&mut world, "Template", "note").await, []);
        let again = world
            .instance
            .client
            .delete_resource(call(PROJECT, delete()))
            .await
            .unwrap_err();
        assert_eq!(again.code(), tonic::Code::NotFound);
        assert_eq!(
            apply(&mut world, vec![template("a")], false).await[0].action(),
            ApplyAction::Created
        );
        assert_eq!(list(&mut world, "Template", "note").await[0].version, 2);
    }

    pub(crate) async fn a_name_that_no_store_can_hold_is_nobodys(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        apply(&mut world, vec![template("a")], false).await;
        assert_eq!(list(&mut world, "Template", "note\0").await, []);
        let request = DeleteResourceRequest {
            kind: "Template".to_owned(),
            name: "note\0".to_owned(),
        };
        let deleted = world.instance.client.delete_resource(call(PROJECT, request)).await;
        assert_eq!(deleted.unwrap_err().code(), tonic::Code::NotFound);
    }

    pub(crate) async fn no_project_sees_anothers(db: TestDb) {
        let mut world = World::new(db, Script::new()).await;
        world.enqueue(1, MARKETING).await;
        let other = ProjectId::from_uuid(Uuid::from_u128(0xB0B));
        let client = &mut world.instance.client;
        let messages = client
            .list_messages(call(other, ListMessagesRequest::default()))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(messages.messages, []);
        let counts = client
            .get_counts(call(other, GetCountsRequest {}))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(counts.queued, 0);
        let request = ListResourcesRequest {
            kind: "Sender".to_owned(),
            name: String::new(),
        };
        assert_eq!(
            client
                .list_resources(call(other, request))
                .await
                .unwrap()
                .into_inner()
                .resources,
            []
        );
    }
}
