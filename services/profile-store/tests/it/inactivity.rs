use chappe_testkit::for_each_backend;

for_each_backend!(
    the_bound_itself_is_active,
    deletion_goes_on_where_it_stopped,
    a_returned_person_is_kept,
    a_deleted_profile_is_gone_and_its_app_data_stays,
    the_newest_write_is_reported,
    the_batch_has_a_limit,
    a_repeated_batch_of_a_run_gets_the_same_answer,
);

mod suite {
    use std::time::Duration;

    use chappe_ids::ProfileId;
    use chappe_kit::{Timestamp, grpc};
    use chappe_proto::{privacy::VerifyErasedRequest, profile as pb};
    use chappe_testkit::TestDb;
    use tonic::Code;
    use uuid::Uuid;

    use crate::support::{DAY, EditExt as _, PROJECT, START, Store, edit, event, person, string, subject};

    async fn plan(store: &Store, cutoff: Timestamp) -> pb::PlanInactivityResponse {
        let request = pb::PlanInactivityRequest {
            cutoff: Some(cutoff.into()),
        };
        let response = store
            .client()
            .plan_inactivity(grpc::call(PROJECT, request))
            .await
            .unwrap();
        response.into_inner()
    }

    async fn delete(store: &Store, cutoff: Timestamp, after: &str, limit: i32) -> pb::DeleteInactiveResponse {
        let request = pb::DeleteInactiveRequest {
            cutoff: Some(cutoff.into()),
            after_profile_id: after.to_owned(),
            limit,
            run_id: String::new(),
        };
        let response = store
            .client()
            .delete_inactive(grpc::call(PROJECT, request))
            .await
            .unwrap();
        response.into_inner()
    }

    fn texts(ids: &[ProfileId]) -> Vec<String> {
        ids.iter().map(ToString::to_string).collect()
    }

    pub(super) async fn the_bound_itself_is_active(test: TestDb) {
        let store = Store::new(test).await;
        store.apply(vec![edit(person(1))]).await;
        store.advance(Duration::from_micros(1));
        store.apply(vec![edit(person(2))]).await;
        for (later, candidates) in [(0, 0), (1, 1), (2, 2)] {
            let planned = plan(&store, START + Duration::from_micros(later)).await;
            assert_eq!((planned.population, planned.candidates), (2, candidates));
        }
        assert_eq!(delete(&store, START, "", 10).await.profile_ids, Vec::<String>::new());
        let deleted = delete(&store, START + Duration::from_micros(1), "", 10).await;
        assert_eq!(deleted.profile_ids, texts(&[person(1)]));
    }

    pub(super) async fn deletion_goes_on_where_it_stopped(test: TestDb) {
        let store = Store::new(test).await;
        store.apply((0..5).map(|number| edit(person(number))).collect()).await;
        let cutoff = START + DAY;
        let first = delete(&store, cutoff, "", 2).await;
        assert_eq!(first.profile_ids, texts(&[person(0), person(1)]));
        let second = delete(&store, cutoff, &first.next_after_profile_id, 2).await;
        assert_eq!(second.profile_ids, texts(&[person(2), person(3)]));
        let third = delete(&store, cutoff, &second.next_after_profile_id, 2).await;
        assert_eq!(third.profile_ids, texts(&[person(4)]));
        assert_eq!(third.next_after_profile_id, "");
        assert_eq!(plan(&store, cutoff).await.population, 0);
    }

    pub(super) async fn a_returned_person_is_kept(test: TestDb) {
        let store = Store::new(test).await;
        store
            .apply((0..3).map(|number| edit(person(number)).set("plan", "gold")).collect())
            .await;
        store.advance(DAY * 400);
        let cutoff = store.now() - DAY;
        assert_eq!(plan(&store, cutoff).await.candidates, 3);
        store.apply(vec![edit(person(1)).set("plan", "gold")]).await;
        let deleted = delete(&store, cutoff, "", 10).await;
        assert_eq!(deleted.profile_ids, texts(&[person(0), person(2)]));
        assert_eq!(store.profile(person(1)).await.version, 1);
    }

    pub(super) async fn a_deleted_profile_is_gone_and_its_app_data_stays(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        store
            .apply(vec![edit(person(1)).set("plan", "gold").event(1, "visit", START)])
            .await;
        let request = pb::ApplyAppDataRequest {
            app_id: Uuid::from_u128(5).to_string(),
            users: vec![pb::AppUser {
                custom_id: format!("user-{}", person(1)),
                values: [("u.plan".to_owned(), string("gold"))].into(),
                ..pb::AppUser::default()
            }],
        };
        store
            .client()
            .apply_app_data(grpc::call(PROJECT, request))
            .await
            .unwrap();
        delete(&store, START + DAY, "", 10).await;

        assert_eq!(store.result(person(1)).await, pb::ProfileResult::default());
        assert!(store.fed().await.is_empty());
        let late = store.apply(vec![edit(person(1)).event(2, "visit", START)]).await;
        assert_eq!(late[0].state(), pb::EditState::Gone);
        let report = pb::ReportEngagementRequest {
            items: vec![pb::Engagement {
                profile_id: person(1).to_string(),
                event: Some(event(3, "email_open", START)),
                activity: true,
            }],
        };
        store
            .client()
            .report_engagement(grpc::call(PROJECT, report))
            .await
            .unwrap();
        assert_eq!(store.counts().await, (0, 0));

        let request = VerifyErasedRequest {
            subject: Some(subject(&format!("user-{}", person(1)), &[person(1)])),
        };
        let left = store
            .subjects()
            .verify_erased(grpc::call(PROJECT, request))
            .await
            .unwrap();
        assert_eq!(left.into_inner().remaining, [("app_users".to_owned(), 1)].into());
    }

    pub(super) async fn the_newest_write_is_reported(test: TestDb) {
        let store = Store::new(test).await;
        assert_eq!(plan(&store, START).await.newest_accepted_at, None);
        store.apply(vec![edit(person(1))]).await;
        store.advance(DAY);
        store
            .backfill(vec![edit(person(1)).event(1, "visit", START - DAY)])
            .await;
        let planned = plan(&store, START).await;
        assert_eq!(planned.newest_accepted_at, Some((START + DAY).into()));
        let database: Timestamp = planned.database_time.unwrap().into();
        let off = database.micros().abs_diff(chappe_kit::Clock::system().now().micros());
        assert!(off < 60_000_000, "the database runs on this machine, {off} µs off");
    }

    pub(super) async fn the_batch_has_a_limit(test: TestDb) {
        let store = Store::new(test).await;
        for limit in [0, -1, 2_001] {
            let request = pb::DeleteInactiveRequest {
                cutoff: Some(START.into()),
                after_profile_id: String::new(),
                limit,
                run_id: String::new(),
            };
            let refused = store
                .client()
                .delete_inactive(grpc::call(PROJECT, request))
                .await
                .unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
        }
    }

    pub(super) async fn a_repeated_batch_of_a_run_gets_the_same_answer(test: TestDb) {
        let store = Store::new(test).await;
        store.apply((0..3).map(|number| edit(person(number))).collect()).await;
        let batch = async |run: u128| {
            let request = pb::DeleteInactiveRequest {
                cutoff: Some((START + DAY).into()),
                after_profile_id: String::new(),
                limit: 2,
                run_id: Uuid::from_u128(run).to_string(),
            };
            let response = store
                .client()
                .delete_inactive(grpc::call(PROJECT, request))
                .await
                .unwrap();
            response.into_inner()
        };
        let first = batch(1).await;
        assert_eq!(first.profile_ids, texts(&[person(0), person(1)]));
        assert_eq!(batch(1).await, first);
        assert_eq!(batch(2).await.profile_ids, texts(&[person(2)]));
    }
}
