use chappe_testkit::for_each_backend;

for_each_backend!(
    events_are_kept_as_long_as_promised,
    what_is_remembered_for_a_time_is_forgotten_after_it
);

mod suite {
    use chappe_kit::grpc;
    use chappe_proto::{privacy::BlockSubjectRequest, profile as pb};
    use chappe_store::{RowExt as _, Sql};
    use chappe_testkit::TestDb;

    use crate::support::{DAY, EditExt as _, PROJECT, START, Store, edit, live, person, subject};

    pub(super) async fn events_are_kept_as_long_as_promised(test: TestDb) {
        let store = Store::new(test).await;
        // Old by its own time, but received now.
        store
            .backfill(vec![edit(person(1)).event(1, "visit", START - DAY * 800)])
            .await;
        store.advance(DAY * 90);
        store.apply(vec![edit(person(2)).event(2, "visit", START)]).await;
        store.service.purge().await.unwrap();
        assert_eq!(store.counts().await, (2, 2));
        let before = store.active_at(person(1)).await;
        store.advance(DAY);
        store.service.purge().await.unwrap();
        assert_eq!(store.counts().await, (2, 1));
        assert_eq!(store.active_at(person(1)).await, before);
    }

    pub(super) async fn what_is_remembered_for_a_time_is_forgotten_after_it(test: TestDb) {
        let store = Store::new(test).await;
        let call = pb::ApplyEditsRequest {
            idempotency: Some(pb::Idempotency {
                key: "k".to_owned(),
                ..pb::Idempotency::default()
            }),
            ..live(START, vec![edit(person(1))])
        };
        store.send(call).await.unwrap();
        let block = BlockSubjectRequest {
            subject: Some(subject("u9", &[])),
        };
        store
            .subjects()
            .block_subject(grpc::call(PROJECT, block))
            .await
            .unwrap();
        store.service.purge().await.unwrap();
        assert_eq!(remembered(&store).await, (1, 1));
        store.advance(DAY * 2);
        store.service.purge().await.unwrap();
        assert_eq!(remembered(&store).await, (0, 1));
        store.advance(DAY * 29);
        store.service.purge().await.unwrap();
        assert_eq!(remembered(&store).await, (0, 0));
    }

    async fn remembered(store: &Store) -> (i64, i64) {
        let sql =
            "select (select count(*) from idempotency) as calls, (select count(*) from blocked_subjects) as blocks";
        let row = Sql::new(sql).one(store.test.db().read()).await.unwrap().unwrap();
        (row.get("calls").unwrap(), row.get("blocks").unwrap())
    }
}
