use chappe_testkit::for_each_backend;

for_each_backend!(
    a_repeated_call_gets_the_stored_answer,
    another_request_under_the_same_key_is_refused,
    a_key_is_not_spent_while_a_profile_is_gone,
    a_refused_call_leaves_its_key_free,
);

mod suite {
    use chappe_kit::grpc;
    use chappe_proto::{privacy::EraseSubjectRequest, profile as pb};
    use chappe_testkit::TestDb;

    use crate::support::{DAY, EditExt as _, PROJECT, START, Store, edit, live, person, subject, text_of};

    fn call(fingerprint: &str, edits: Vec<pb::ProfileEdit>) -> pb::ApplyEditsRequest {
        pb::ApplyEditsRequest {
            idempotency: Some(pb::Idempotency {
                key: "order-7/0".to_owned(),
                fingerprint: fingerprint.as_bytes().to_vec().into(),
                response: b"done".to_vec().into(),
            }),
            ..live(START, edits)
        }
    }

    pub(super) async fn a_repeated_call_gets_the_stored_answer(test: TestDb) {
        let store = Store::new(test).await;
        let gold = || call("a", vec![edit(person(1)).set("plan", "gold")]);
        let first = store.send(gold()).await.unwrap();
        assert_eq!((first.results.len(), first.replayed_response.len()), (1, 0));
        store.apply(vec![edit(person(1)).set("plan", "tin")]).await;

        let second = store.send(gold()).await.unwrap();
        assert_eq!((second.results.len(), &second.replayed_response[..]), (0, &b"done"[..]));
        let profile = store.profile(person(1)).await;
        assert_eq!(
            text_of(&profile, "plan").as_deref(),
            Some("tin"),
            "it was not applied again"
        );

        store.advance(DAY * 2);
        let third = store.send(gold()).await.unwrap();
        assert_eq!(third.results.len(), 1, "a key is remembered for a day");
    }

    pub(super) async fn another_request_under_the_same_key_is_refused(test: TestDb) {
        let store = Store::new(test).await;
        store.send(call("a", vec![edit(person(1))])).await.unwrap();
        let refused = store.send(call("b", vec![edit(person(2))])).await.unwrap_err();
        assert_eq!(refused.reason(), "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(store.counts().await.0, 1);
    }

    pub(super) async fn a_key_is_not_spent_while_a_profile_is_gone(test: TestDb) {
        let store = Store::new(test).await;
        let request = EraseSubjectRequest {
            subject: Some(subject("u1", &[person(1)])),
        };
        store
            .subjects()
            .erase_subject(grpc::call(PROJECT, request))
            .await
            .unwrap();
        let visits = |returned| {
            let other = edit(person(2)).event(2, "visit", START);
            call("a", vec![edit(returned).event(1, "visit", START), other])
        };
        let first = store.send(visits(person(1))).await.unwrap();
        let states: Vec<_> = first.results.iter().map(pb::EditResult::state).collect();
        assert_eq!(states, [pb::EditState::Gone, pb::EditState::Applied]);

        let second = store.send(visits(person(3))).await.unwrap();
        let counts: Vec<_> = second
            .results
            .iter()
            .map(|r| (r.events_applied, r.events_duplicate))
            .collect();
        assert_eq!(counts, [(1, 0), (0, 1)]);
        let third = store.send(visits(person(3))).await.unwrap();
        assert_eq!(&third.replayed_response[..], b"done");
    }

    pub(super) async fn a_refused_call_leaves_its_key_free(test: TestDb) {
        let store = Store::new(test).await;
        let bad = pb::ProfileEdit {
            profile_id: "nobody".to_owned(),
            ..edit(person(1))
        };
        store.send(call("a", vec![edit(person(2)), bad])).await.unwrap_err();
        assert_eq!(store.counts().await.0, 0, "a refused call leaves nothing applied");
        assert_eq!(
            store
                .send(call("b", vec![edit(person(1))]))
                .await
                .unwrap()
                .results
                .len(),
            1
        );
    }
}
