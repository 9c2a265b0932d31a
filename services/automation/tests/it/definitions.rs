use chappe_testkit::for_each_backend;

for_each_backend!(
    an_automation_is_created_configured_and_unchanged,
    a_fault_anywhere_leaves_everything_as_it_was,
    validating_writes_and_tells_nothing,
    interest_is_told_before_the_answer_and_narrowed_after_the_last_entry,
    an_apply_that_could_not_tell_is_unavailable_and_repeating_it_heals,
    deleting_ends_entries_and_takes_messages_back,
    another_project_sees_nothing,
);

mod suite {
    use automation::Job;
    use chappe_kit::grpc::call;
    use chappe_proto::types::{
        ApplyAction, ApplyResourcesRequest, DeleteResourceRequest, ListResourcesRequest, Resource,
    };
    use chappe_testkit::TestDb;
    use serde_json::json;
    use tonic::Code;

    use crate::support::{Mesh, OTHER_PROJECT, PROJECT, Process, at_once, profile, resource, thanks};

    async fn list(process: &Process, project: chappe_ids::ProjectId) -> Vec<Resource> {
        let request = ListResourcesRequest {
            kind: "Automation".to_owned(),
            name: String::new(),
        };
        let mut client = process.client.clone();
        client
            .list_resources(call(project, request))
            .await
            .unwrap()
            .into_inner()
            .resources
    }

    fn deletion(name: &str) -> DeleteResourceRequest {
        DeleteResourceRequest {
            kind: "Automation".to_owned(),
            name: name.to_owned(),
        }
    }

    pub(super) async fn an_automation_is_created_configured_and_unchanged(db: TestDb) {
        let (_mesh, process) = Mesh::alone(db).await;
        assert_eq!(process.apply(PROJECT, "thanks", &thanks()).await, ApplyAction::Created);
        assert_eq!(
            process.apply(PROJECT, "thanks", &thanks()).await,
            ApplyAction::Unchanged
        );
        assert_eq!(
            process.apply(PROJECT, "thanks", &at_once()).await,
            ApplyAction::Configured
        );
        let listed = list(&process, PROJECT).await;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].version, 2);
        assert_eq!(listed[0].spec, resource("thanks", &at_once()).spec);
    }

    pub(super) async fn a_fault_anywhere_leaves_everything_as_it_was(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        let mut broken = thanks();
        broken["steps"][1]["send"]["templat"] = json!("x");
        let request = ApplyResourcesRequest {
            resources: vec![
                resource("good", &thanks()),
                resource("bad", &broken),
                resource("good", &thanks()),
            ],
            validate_only: false,
        };
        let mut client = process.client.clone();
        let results = client
            .apply_resources(call(PROJECT, request))
            .await
            .unwrap()
            .into_inner()
            .results;
        assert!(results.iter().all(|result| result.action() == ApplyAction::Unspecified));
        assert_eq!(results[0].faults, []);
        assert_eq!(results[1].faults[0].path, "spec.steps[1].send.templat");
        assert_eq!(results[2].faults[0].path, "metadata.name");
        assert_eq!(list(&process, PROJECT).await, []);
        assert!(mesh.peers.state().told.is_empty());
    }

    pub(super) async fn validating_writes_and_tells_nothing(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        let answer = process.try_apply(PROJECT, "thanks", &thanks(), true).await.unwrap();
        assert_eq!(answer.results[0].action(), ApplyAction::Created);
        assert_eq!(list(&process, PROJECT).await, []);
        assert!(mesh.peers.state().told.is_empty());
    }

    pub(super) async fn interest_is_told_before_the_answer_and_narrowed_after_the_last_entry(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        assert_eq!(mesh.peers.state().interest[&PROJECT], ["purchase", "refund"]);
        process.turn(Job::Interest).await;

        mesh.happens(PROJECT, profile(1), "purchase");
        process.work().await;
        let mut stopped = thanks();
        stopped["state"] = json!("STOPPED");
        stopped["trigger"]["event"] = json!("other");
        process.apply(PROJECT, "thanks", &stopped).await;
        assert_eq!(process.turn(Job::Interest).await, 0);
        assert_eq!(mesh.peers.state().interest[&PROJECT], ["purchase", "refund"]);

        // A stopped automation goes on consuming: the cancel event ends the last entry.
        mesh.happens(PROJECT, profile(1), "refund");
        process.work().await;
        assert_eq!(process.entries().await, [0, 0, 1, 0]);
        assert_eq!(process.turn(Job::Interest).await, 1);
        assert_eq!(mesh.peers.state().interest[&PROJECT], Vec::<String>::new());
        assert_eq!(process.turn(Job::Interest).await, 0);
    }

    pub(super) async fn an_apply_that_could_not_tell_is_unavailable_and_repeating_it_heals(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        for spec in [thanks(), at_once()] {
            mesh.peers.state().failing.insert("set_interest", Code::Unavailable);
            let refused = process.try_apply(PROJECT, "thanks", &spec, false).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unavailable);
            mesh.peers.state().failing.clear();
            // Whatever profile-store held meanwhile.
            mesh.peers.state().interest.clear();
            process.apply(PROJECT, "thanks", &spec).await;
            assert!(mesh.peers.state().interest[&PROJECT].contains(&"purchase".to_owned()));
        }
    }

    pub(super) async fn deleting_ends_entries_and_takes_messages_back(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        process.work().await;
        mesh.pass(10);
        process.work().await;
        let message = mesh.message().message_id;
        let mut client = process.client.clone();
        client.delete_resource(call(PROJECT, deletion("thanks"))).await.unwrap();
        process.work().await;
        assert_eq!(mesh.peers.state().cancelled, [message]);
        assert_eq!(process.counts(PROJECT).await.0, []);
        mesh.pass(7_200);
        process.work().await;
        assert_eq!(mesh.peers.state().enqueued.len(), 1);
        let again = client
            .delete_resource(call(PROJECT, deletion("thanks")))
            .await
            .unwrap_err();
        assert_eq!(again.code(), Code::NotFound);
    }

    pub(super) async fn another_project_sees_nothing(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &at_once()).await;
        mesh.happens(OTHER_PROJECT, profile(1), "purchase");
        process.work().await;
        assert!(mesh.peers.state().enqueued.is_empty());
        assert_eq!(list(&process, OTHER_PROJECT).await, []);
        assert_eq!(process.counts(OTHER_PROJECT).await, (Vec::new(), 0));
        let mut client = process.client.clone();
        let refused = client
            .delete_resource(call(OTHER_PROJECT, deletion("thanks")))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        // The same name there is another automation.
        assert_eq!(
            process.apply(OTHER_PROJECT, "thanks", &at_once()).await,
            ApplyAction::Created
        );
        assert_eq!(list(&process, PROJECT).await.len(), 1);
    }
}
