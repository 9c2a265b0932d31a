use chappe_testkit::for_each_backend;

for_each_backend!(
    a_profile_is_made_and_read_back,
    several_edits_of_one_profile_apply_in_order,
    an_event_that_is_there_has_no_effect,
    an_event_twice_in_one_call_is_one_event,
    naming_a_known_profile_changes_nothing,
    naming_an_unknown_profile_makes_it,
    a_custom_id_is_attached_once,
    the_past_counts_at_its_own_time,
    importing_the_past_again_is_no_activity,
    a_batch_of_the_largest_size_is_applied,
    too_much_is_refused,
);

mod suite {
    use chappe_kit::ErrorKind;
    use chappe_proto::profile as pb;
    use chappe_testkit::TestDb;

    use crate::support::{DAY, EditExt as _, START, Store, edit, live, person, text_of};

    const APPLIED: i32 = pb::EditState::Applied as i32;

    pub(super) async fn a_profile_is_made_and_read_back(test: TestDb) {
        let store = Store::new(test).await;
        let results = store
            .apply(vec![edit(person(1)).set("plan", "gold").event(1, "visit", START)])
            .await;
        assert_eq!((results[0].state, results[0].events_applied), (APPLIED, 1));

        let profile = store.profile(person(1)).await;
        assert_eq!(text_of(&profile, "plan").as_deref(), Some("gold"));
        assert_eq!(profile.custom_id, format!("user-{}", person(1)));
        assert_eq!(profile.version, 1);
        assert_eq!(profile.created_at, Some(START.into()));
        assert_eq!(profile.last_activity_at, Some(START.into()));
        assert_eq!(store.counts().await, (1, 1));
        assert_eq!(store.result(person(2)).await, pb::ProfileResult::default());
    }

    pub(super) async fn several_edits_of_one_profile_apply_in_order(test: TestDb) {
        let store = Store::new(test).await;
        store
            .apply(vec![
                edit(person(1)).set("plan", "gold"),
                edit(person(2)).set("plan", "tin"),
                edit(person(1)).set("plan", "silver").set("plan", "bronze"),
            ])
            .await;
        let profile = store.profile(person(1)).await;
        assert_eq!(text_of(&profile, "plan").as_deref(), Some("bronze"));
        assert_eq!(profile.version, 2);
        store.apply(vec![edit(person(1)).set("plan", "bronze")]).await;
        assert_eq!(store.profile(person(1)).await.version, 2, "it was already so");
    }

    pub(super) async fn an_event_that_is_there_has_no_effect(test: TestDb) {
        let store = Store::new(test).await;
        let visit = || vec![edit(person(1)).event(1, "visit", START)];
        store.apply(visit()).await;
        store.advance(DAY);
        let again = store.apply(visit()).await;
        assert_eq!((again[0].events_applied, again[0].events_duplicate), (0, 1));
        assert_eq!(store.active_at(person(1)).await, START);
        assert_eq!(store.profile(person(1)).await.version, 1);
    }

    pub(super) async fn an_event_twice_in_one_call_is_one_event(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        let results = store
            .apply(vec![
                edit(person(1)).event(1, "visit", START).event(1, "visit", START),
                edit(person(2)).event(1, "visit", START),
            ])
            .await;
        let counts: Vec<_> = results.iter().map(|r| (r.events_applied, r.events_duplicate)).collect();
        assert_eq!(counts, [(1, 1), (0, 1)]);
        assert_eq!(store.counts().await, (2, 1));
        assert_eq!(store.fed().await.len(), 1);
    }

    pub(super) async fn naming_a_known_profile_changes_nothing(test: TestDb) {
        let store = Store::new(test).await;
        store.apply(vec![edit(person(1)).set("plan", "gold")]).await;
        store.advance(DAY);
        let results = store.apply(vec![edit(person(1))]).await;
        assert_eq!(results[0].state, APPLIED);
        let profile = store.profile(person(1)).await;
        assert_eq!((profile.version, profile.last_activity_at), (1, Some(START.into())));
    }

    pub(super) async fn naming_an_unknown_profile_makes_it(test: TestDb) {
        let store = Store::new(test).await;
        store.apply(vec![edit(person(1))]).await;
        assert_eq!(store.active_at(person(1)).await, START);
        store.backfill(vec![edit(person(2))]).await;
        assert_eq!(store.active_at(person(2)).await, START);
    }

    pub(super) async fn a_custom_id_is_attached_once(test: TestDb) {
        let store = Store::new(test).await;
        let named = |custom_id: &str| pb::ProfileEdit {
            custom_id: custom_id.to_owned(),
            ..edit(person(1))
        };
        for custom_id in ["", "u1", "u2"] {
            store.apply(vec![named(custom_id)]).await;
        }
        let profile = store.profile(person(1)).await;
        assert_eq!((profile.custom_id.as_str(), profile.version), ("u1", 2));
    }

    pub(super) async fn the_past_counts_at_its_own_time(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        let past = START - DAY * 400;
        let visits = edit(person(1))
            .set("plan", "gold")
            .event(1, "visit", past)
            .event(2, "visit", past - DAY);
        store.backfill(vec![visits]).await;
        assert_eq!(store.active_at(person(1)).await, past);
        assert!(store.fed().await.is_empty(), "the past triggers nothing");

        store
            .backfill(vec![edit(person(1)).event(3, "visit", past - DAY)])
            .await;
        assert_eq!(store.active_at(person(1)).await, past, "activity never goes back");
        store.apply(vec![edit(person(1)).event(4, "visit", past)]).await;
        assert_eq!(
            store.active_at(person(1)).await,
            START,
            "a late event counts at receipt"
        );
    }

    pub(super) async fn importing_the_past_again_is_no_activity(test: TestDb) {
        let store = Store::new(test).await;
        let past = START - DAY * 400;
        let import = || vec![edit(person(1)).set("plan", "gold").event(1, "visit", past)];
        store.backfill(import()).await;
        store.advance(DAY);
        store.backfill(import()).await;
        assert_eq!(store.active_at(person(1)).await, past);
        assert_eq!(store.profile(person(1)).await.version, 1);
    }

    pub(super) async fn a_batch_of_the_largest_size_is_applied(test: TestDb) {
        let store = Store::new(test).await;
        let edits = (0..1_000).map(|number| {
            let first = number * 15;
            (first..first + 15).fold(edit(person(number)).set("plan", "gold"), |edit, id| {
                edit.event(id, "visit", START)
            })
        });
        let results = store.apply(edits.collect()).await;
        assert!(results.iter().all(|result| result.events_applied == 15));
        assert_eq!(store.counts().await, (1_000, 15_000));
    }

    pub(super) async fn too_much_is_refused(test: TestDb) {
        let store = Store::new(test).await;
        let edits = (0..1_001).map(|number| edit(person(number))).collect();
        let refused = store.send(live(START, edits)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
        assert_eq!(store.counts().await, (0, 0));
    }
}
