use chappe_testkit::for_each_backend;

for_each_backend!(another_project_sees_and_touches_nothing);

mod suite {
    use chappe_ids::ProjectId;
    use chappe_kit::{Timestamp, grpc};
    use chappe_proto::{
        privacy::{BlockSubjectRequest, EraseSubjectRequest, ExportSubjectRequest, VerifyErasedRequest},
        profile as pb,
    };
    use chappe_testkit::TestDb;
    use serde_json::json;
    use uuid::Uuid;

    use crate::support::{DAY, EditExt as _, START, Store, edit, event, person, string, subject, text_of};

    const OTHER: ProjectId = ProjectId::from_uuid(Uuid::from_u128(0xB));

    /// Every call of the contract that names a project, made by another one with the ids of ours.
    pub(super) async fn another_project_sees_and_touches_nothing(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        let gold = edit(person(1))
            .set("plan", "gold")
            .set("$email_address", "jane@example.org");
        store.apply(vec![gold.event(1, "visit", START)]).await;
        let app_data = |value| pb::ApplyAppDataRequest {
            app_id: Uuid::from_u128(5).to_string(),
            users: vec![pb::AppUser {
                custom_id: "user".to_owned(),
                values: [("u.a".to_owned(), string(value))].into(),
                ..pb::AppUser::default()
            }],
        };
        let mut client = store.client();
        client
            .apply_app_data(grpc::call(crate::support::PROJECT, app_data("ours")))
            .await
            .unwrap();
        let profile = store.profile(person(1)).await;
        let fed = store.pull(10).await;

        reads(&store).await;

        // The same ids mean other people and other events there.
        let edits = crate::support::live(START, vec![edit(person(1)).event(1, "visit", START)]);
        let response = client.apply_edits(grpc::call(OTHER, edits)).await.unwrap().into_inner();
        assert_eq!(response.results[0].events_applied, 1);
        client
            .set_interest(grpc::call(OTHER, pb::SetInterestRequest::default()))
            .await
            .unwrap();
        client
            .apply_app_data(grpc::call(OTHER, app_data("theirs")))
            .await
            .unwrap();
        let engagement = pb::ReportEngagementRequest {
            items: vec![pb::Engagement {
                profile_id: person(1).to_string(),
                event: Some(event(2, "email_open", START)),
                activity: true,
            }],
        };
        client.report_engagement(grpc::call(OTHER, engagement)).await.unwrap();
        let opt_out = pb::OptOutRequest {
            address_key: "jane@example.org".to_owned(),
            at: Some(START.into()),
            profile_id: person(1).to_string(),
            event: Some(event(3, "email_unsubscribe", START)),
        };
        client.opt_out(grpc::call(OTHER, opt_out)).await.unwrap();
        delete_everything(&store, START + DAY).await;

        assert_eq!(store.profile(person(1)).await, profile);
        assert_eq!(text_of(&profile, "plan").as_deref(), Some("gold"));
        assert_eq!(store.pull(10).await, fed);
        assert_eq!(store.counts().await, (1, 1));
        let request = VerifyErasedRequest {
            subject: Some(subject("user", &[person(1)])),
        };
        let ours = store
            .subjects()
            .verify_erased(grpc::call(crate::support::PROJECT, request))
            .await
            .unwrap();
        assert_eq!(ours.into_inner().remaining.len(), 5, "one of each kind");
        store.apply(vec![edit(person(1)).event(9, "visit", START)]).await;
        assert_eq!(
            store.fed().await.len(),
            2,
            "neither retired nor blocked, and still of interest"
        );
    }

    async fn reads(store: &Store) {
        let mut client = store.client();
        let request = pb::GetProfilesRequest {
            profile_ids: vec![person(1).to_string()],
        };
        let profiles = client
            .get_profiles(grpc::call(OTHER, request))
            .await
            .unwrap()
            .into_inner()
            .profiles;
        assert_eq!(profiles, [pb::ProfileResult::default()]);
        let counts = client
            .get_counts(grpc::call(OTHER, pb::GetCountsRequest {}))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(counts, pb::GetCountsResponse::default());
        let query = json!({"plan": "gold"});
        let request = pb::EvaluateTargetingRequest {
            queries: vec![chappe_proto::to_struct(query.as_object().unwrap())],
            checks: vec![pb::TargetingCheck {
                profile_id: person(1).to_string(),
                query: 0,
            }],
        };
        let matches = client
            .evaluate_targeting(grpc::call(OTHER, request))
            .await
            .unwrap()
            .into_inner()
            .matches;
        assert_eq!(matches, [false]);
        let request = pb::PlanInactivityRequest {
            cutoff: Some((START + DAY).into()),
        };
        let plan = client
            .plan_inactivity(grpc::call(OTHER, request))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(
            (plan.population, plan.candidates, plan.newest_accepted_at),
            (0, 0, None)
        );
        let request = ExportSubjectRequest {
            subject: Some(subject("user", &[person(1)])),
        };
        let export = store
            .subjects()
            .export_subject(grpc::call(OTHER, request))
            .await
            .unwrap();
        let mut documents = export.into_inner();
        while let Some(document) = documents.message().await.unwrap() {
            assert!(matches!(&document.content[..], b"[]" | b""), "{}", document.file_name);
        }
    }

    async fn delete_everything(store: &Store, cutoff: Timestamp) {
        let subject = || Some(subject("user", &[person(1)]));
        let request = pb::DeleteInactiveRequest {
            cutoff: Some(cutoff.into()),
            after_profile_id: String::new(),
            limit: 10,
            run_id: String::new(),
        };
        let deleted = store
            .client()
            .delete_inactive(grpc::call(OTHER, request))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(deleted.profile_ids.len(), 1, "their own");
        let mut subjects = store.subjects();
        let request = BlockSubjectRequest { subject: subject() };
        subjects.block_subject(grpc::call(OTHER, request)).await.unwrap();
        let request = EraseSubjectRequest { subject: subject() };
        let erased = subjects
            .erase_subject(grpc::call(OTHER, request))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(erased.deleted["app_users"], 1, "their own");
    }
}
