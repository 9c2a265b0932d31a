use chappe_testkit::for_each_backend;

for_each_backend!(
    concurrent_edits_of_one_profile_all_count,
    the_same_event_from_twenty_calls_is_stored_once,
    an_erasure_wins_over_whatever_is_in_flight,
);

mod suite {
    use chappe_kit::grpc;
    use chappe_proto::{
        privacy::{EraseSubjectRequest, VerifyErasedRequest},
        profile as pb,
    };
    use chappe_testkit::TestDb;

    use crate::support::{EditExt as _, PROJECT, START, Store, at_once, edit, live, person, send, subject};

    pub(super) async fn concurrent_edits_of_one_profile_all_count(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        at_once(8, |number| {
            let edits = vec![
                edit(person(1))
                    .set(&format!("a{number}"), "x")
                    .event(number, "visit", START),
                edit(person(2 + number % 2)).set(&format!("a{number}"), "x"),
            ];
            let call = send(store.client(), live(START, edits));
            async { call.await.unwrap() }
        })
        .await;
        let profile = store.profile(person(1)).await;
        assert_eq!((profile.attributes.len(), profile.version), (8, 8));
        let fed: Vec<_> = store.pull(100).await.iter().map(|row| row.version).collect();
        assert_eq!(fed, (1..=8).collect::<Vec<_>>());
    }

    pub(super) async fn the_same_event_from_twenty_calls_is_stored_once(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        let responses = at_once(20, |number| {
            let edits = vec![edit(person(number % 3)).event(1, "visit", START)];
            let call = send(store.client(), live(START, edits));
            async { call.await.unwrap().results.remove(0) }
        })
        .await;
        let applied: i32 = responses.iter().map(|result| result.events_applied).sum();
        let duplicate: i32 = responses.iter().map(|result| result.events_duplicate).sum();
        assert_eq!((applied, duplicate), (1, 19));
        assert_eq!(store.counts().await, (3, 1));
        assert_eq!(store.fed().await.len(), 1);
    }

    /// Whoever comes first, nothing is left in the end: neither of a profile that was there nor of one that the
    /// calls are just about to make.
    pub(super) async fn an_erasure_wins_over_whatever_is_in_flight(test: TestDb) {
        let store = Store::new(test).await;
        store.interest(&["visit"]).await;
        for round in 0..6 {
            let profile = person(round);
            if round % 2 == 0 {
                store.apply(vec![edit(profile)]).await;
            }
            let responses = at_once(6, |number| {
                let edits = vec![
                    edit(profile)
                        .set("plan", "gold")
                        .event(round * 10 + number, "visit", START),
                ];
                let (client, mut subjects) = (store.client(), store.subjects());
                async move {
                    if number == 3 {
                        let subject = Some(subject(&format!("user-{profile}"), &[profile]));
                        let request = EraseSubjectRequest { subject };
                        subjects.erase_subject(grpc::call(PROJECT, request)).await.unwrap();
                        return None;
                    }
                    Some(send(client, live(START, edits)).await.unwrap().results.remove(0).state)
                }
            })
            .await;
            let allowed = [pb::EditState::Applied as i32, pb::EditState::Gone as i32];
            assert!(responses.into_iter().flatten().all(|state| allowed.contains(&state)));
            let request = VerifyErasedRequest {
                subject: Some(subject(&format!("user-{profile}"), &[profile])),
            };
            let verified = store
                .subjects()
                .verify_erased(grpc::call(PROJECT, request))
                .await
                .unwrap();
            assert_eq!(verified.into_inner().remaining, std::collections::HashMap::new());
            let late = store.apply(vec![edit(profile).set("plan", "gold")]).await;
            assert_eq!(late[0].state, pb::EditState::Gone as i32);
        }
    }
}
