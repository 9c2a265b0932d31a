use chappe_testkit::for_each_backend;

for_each_backend!(
    a_report_is_an_event_and_activity_only_if_a_person_did_it,
    a_repeated_report_changes_nothing,
    engagement_reaches_automations,
    nobody_is_made_by_a_report,
    an_opt_out_reaches_every_profile_with_the_address,
    a_repeated_opt_out_spares_who_has_subscribed_again,
);

mod suite {
    use chappe_ids::ProfileId;
    use chappe_kit::{Timestamp, grpc};
    use chappe_proto::profile as pb;
    use chappe_testkit::TestDb;

    use crate::support::{DAY, EditExt as _, PROJECT, START, Store, edit, event, person, text_of};

    async fn report(store: &Store, profile: ProfileId, event: pb::Event, activity: bool) {
        let request = pb::ReportEngagementRequest {
            items: vec![pb::Engagement {
                profile_id: profile.to_string(),
                event: Some(event),
                activity,
            }],
        };
        store
            .client()
            .report_engagement(grpc::call(PROJECT, request))
            .await
            .unwrap();
    }

    async fn opt_out(store: &Store, profile: ProfileId, at: Timestamp) -> i64 {
        let request = pb::OptOutRequest {
            address_key: "jane@example.org".to_owned(),
            at: Some(at.into()),
            profile_id: profile.to_string(),
            event: Some(event(900, "email_unsubscribe", at)),
        };
        let response = store.client().opt_out(grpc::call(PROJECT, request)).await.unwrap();
        response.into_inner().profiles
    }

    pub(super) async fn a_report_is_an_event_and_activity_only_if_a_person_did_it(test: TestDb) {
        let store = Store::new(test).await;
        store.apply(vec![edit(person(1))]).await;
        store.advance(DAY);
        report(&store, person(1), event(1, "email_sent", store.now()), false).await;
        assert_eq!(store.active_at(person(1)).await, START);
        report(&store, person(1), event(2, "email_open", store.now()), true).await;
        assert_eq!(store.active_at(person(1)).await, START + DAY);
        assert_eq!(store.profile(person(1)).await.version, 1, "no automation waits for it");
        assert_eq!(store.counts().await, (1, 0), "native events are not counted");
    }

    pub(super) async fn a_repeated_report_changes_nothing(test: TestDb) {
        let store = Store::new(test).await;
        store.apply(vec![edit(person(1))]).await;
        report(&store, person(1), event(1, "email_open", START), true).await;
        let before = store.profile(person(1)).await;
        store.advance(DAY);
        report(&store, person(1), event(1, "email_open", store.now()), true).await;
        assert_eq!(store.profile(person(1)).await, before);
    }

    pub(super) async fn engagement_reaches_automations(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["email_click"]).await;
        store.apply(vec![edit(person(1))]).await;
        report(&store, person(1), event(1, "email_open", START), true).await;
        report(&store, person(1), event(2, "email_click", START), true).await;
        let rows = store.pull(10).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].version, rows[0].custom_id.clone()),
            (2, format!("user-{}", person(1)))
        );
    }

    pub(super) async fn nobody_is_made_by_a_report(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["email_open"]).await;
        report(&store, person(1), event(1, "email_open", START), true).await;
        assert_eq!(store.result(person(1)).await, pb::ProfileResult::default());
        assert!(store.fed().await.is_empty());
        store.apply(vec![edit(person(1)).event(1, "email_open", START)]).await;
        assert_eq!(store.fed().await.len(), 1, "the event was not stored");
    }

    pub(super) async fn an_opt_out_reaches_every_profile_with_the_address(test: TestDb) {
        let store = Store::new(test).await;
        let subscribed = |number, address| {
            edit(person(number))
                .set("$email_address", address)
                .set("$email_marketing", "subscribed")
        };
        store
            .apply(vec![
                subscribed(1, "Jane@Example.org"),
                subscribed(2, "jane@example.org"),
                subscribed(3, "john@example.org"),
            ])
            .await;
        store.advance(DAY);
        assert_eq!(opt_out(&store, person(2), store.now()).await, 2);
        let consent = async |number| text_of(&store.profile(person(number)).await, "$email_marketing").unwrap();
        assert_eq!(consent(1).await, "unsubscribed");
        assert_eq!(consent(2).await, "unsubscribed");
        assert_eq!(consent(3).await, "subscribed");
        assert_eq!(store.active_at(person(1)).await, START, "somebody else clicked");
        assert_eq!(store.active_at(person(2)).await, START + DAY);
        assert_eq!(store.profile(person(1)).await.version, 2);

        store.interest(&["email_unsubscribe"]).await;
        report(&store, person(2), event(900, "email_unsubscribe", START), false).await;
        assert!(
            store.fed().await.is_empty(),
            "the event was recorded once, with the opt-out"
        );
    }

    pub(super) async fn a_repeated_opt_out_spares_who_has_subscribed_again(test: TestDb) {
        let store = Store::new(test).await;
        let subscribe = || {
            vec![
                edit(person(1))
                    .set("$email_address", "jane@example.org")
                    .set("$email_marketing", "subscribed"),
            ]
        };
        store.apply(subscribe()).await;
        assert_eq!(opt_out(&store, person(1), START).await, 1);
        store.apply(subscribe()).await;
        assert_eq!(opt_out(&store, person(1), START).await, 0);
        let profile = store.profile(person(1)).await;
        assert_eq!(text_of(&profile, "$email_marketing").as_deref(), Some("subscribed"));
    }
}
