use chappe_testkit::for_each_backend;

for_each_backend!(
    what_is_rolled_back_is_not_sent,
    the_same_id_is_enqueued_once,
    claiming_takes_each_message_once,
    the_oldest_come_first_and_the_future_stays,
    an_expired_lease_returns,
    a_worker_that_overslept_cannot_acknowledge,
    a_retried_message_comes_back_when_it_is_due,
    a_parked_message_is_not_claimed_again,
);

mod suite {
    use std::{collections::HashSet, time::Duration};

    use chappe_ids::ClaimId;
    use chappe_kit::{Error, Timestamp};
    use chappe_store::{
        Db,
        outbox::{self, Counts, Message, Row, RowId},
    };
    use chappe_testkit::TestDb;
    use serde_json::json;
    use uuid::Uuid;

    use crate::harness::{NOW, PROJECT, four, insert_thing, migrated};

    const TOPIC: &str = "mail";
    const LEASE: Duration = Duration::from_secs(10);
    const SECOND: Duration = Duration::from_secs(1);

    fn message(id: u128, available_at: Timestamp) -> Message {
        Message {
            project: PROJECT,
            id: Uuid::from_u128(id),
            topic: TOPIC.to_owned(),
            key: "profile-1".to_owned(),
            payload: json!({"id": id.to_string()}),
            traceparent: id
                .is_multiple_of(2)
                .then(|| "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            available_at,
        }
    }

    fn claim_id(id: u128) -> ClaimId {
        ClaimId::from_uuid(Uuid::from_u128(id))
    }

    async fn enqueue(db: &Db, messages: &[Message]) -> u64 {
        db.write(async |txn| outbox::enqueue(txn, NOW, messages).await)
            .await
            .unwrap()
    }

    async fn leases_run_out(test: &TestDb) {
        test.age(LEASE, &[("outbox", "lease_until")]).await;
    }

    async fn claim(db: &Db, now: Timestamp, claim: u128, limit: u32) -> Vec<Row> {
        db.write(async |txn| outbox::claim(txn, TOPIC, now, claim_id(claim), LEASE, limit).await)
            .await
            .unwrap()
    }

    async fn ack(db: &Db, claim: u128, rows: &[Row]) -> u64 {
        let ids: Vec<RowId> = rows.iter().map(Row::id).collect();
        db.write(async |txn| outbox::ack(txn, claim_id(claim), &ids).await)
            .await
            .unwrap()
    }

    pub(super) async fn what_is_rolled_back_is_not_sent(test: TestDb) {
        migrated(test.db()).await;
        let refused = test
            .db()
            .write(async |txn| {
                insert_thing(txn, 1).await?;
                outbox::enqueue(txn, NOW, &[message(1, NOW)]).await?;
                Err::<(), _>(Error::invalid("NO", "no"))
            })
            .await;
        assert!(refused.is_err());
        assert_eq!(claim(test.db(), NOW, 1, 10).await, []);
    }

    pub(super) async fn the_same_id_is_enqueued_once(test: TestDb) {
        migrated(test.db()).await;
        assert_eq!(enqueue(test.db(), &[message(2, NOW), message(1, NOW)]).await, 2);
        assert_eq!(enqueue(test.db(), &[message(3, NOW), message(2, NOW)]).await, 1);
        let rows = claim(test.db(), NOW, 1, 10).await;
        let messages: Vec<_> = rows.iter().map(|row| row.message.clone()).collect();
        assert_eq!(messages, [message(1, NOW), message(2, NOW), message(3, NOW)]);
        assert!(rows.iter().all(|row| row.attempts == 1 && row.created_at == NOW));
    }

    pub(super) async fn claiming_takes_each_message_once(test: TestDb) {
        migrated(test.db()).await;
        let messages: Vec<_> = (0..200).map(|id| message(id, NOW)).collect();
        enqueue(test.db(), &messages).await;
        let (here, there) = (test.db().clone(), test.reopen().await);
        let claimed = four(|worker| {
            let db = if worker % 2 == 0 { here.clone() } else { there.clone() };
            async move {
                let mut mine = Vec::new();
                for round in 0.. {
                    let rows = claim(&db, NOW, worker * 1_000 + round, 7).await;
                    assert!(rows.len() <= 7);
                    if rows.is_empty() {
                        break;
                    }
                    mine.extend(rows.iter().map(Row::id));
                }
                mine
            }
        })
        .await
        .concat();
        assert_eq!(claimed.len(), 200);
        assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), 200);
    }

    pub(super) async fn the_oldest_come_first_and_the_future_stays(test: TestDb) {
        migrated(test.db()).await;
        enqueue(
            test.db(),
            &[message(1, NOW), message(2, NOW - SECOND), message(3, NOW + SECOND)],
        )
        .await;
        let oldest = outbox::oldest_due(test.db().read(), TOPIC, NOW).await.unwrap();
        assert_eq!(oldest, Some(NOW - SECOND));
        let first = claim(test.db(), NOW, 1, 1).await;
        assert_eq!(first[0].message.id, Uuid::from_u128(2));
        let second = claim(test.db(), NOW, 2, 10).await;
        assert_eq!(second.len(), 1);
        assert_eq!(second[0].message.id, Uuid::from_u128(1));
        assert_eq!(outbox::oldest_due(test.db().read(), "other", NOW).await.unwrap(), None);
    }

    pub(super) async fn an_expired_lease_returns(test: TestDb) {
        migrated(test.db()).await;
        enqueue(test.db(), &[message(1, NOW)]).await;
        assert_eq!(claim(test.db(), NOW, 1, 10).await.len(), 1);
        assert_eq!(
            claim(test.db(), NOW + LEASE, 2, 10).await,
            [],
            "the clock of a replica ends no lease"
        );
        leases_run_out(&test).await;
        let again = claim(test.db(), NOW, 3, 10).await;
        assert_eq!(again[0].attempts, 2);
    }

    pub(super) async fn a_worker_that_overslept_cannot_acknowledge(test: TestDb) {
        migrated(test.db()).await;
        enqueue(test.db(), &[message(1, NOW), message(2, NOW)]).await;
        let early = claim(test.db(), NOW, 1, 10).await;
        leases_run_out(&test).await;
        let late = claim(test.db(), NOW, 2, 10).await;
        assert_eq!(late.len(), 2);
        assert_eq!(ack(test.db(), 1, &early).await, 0);
        assert_eq!(ack(test.db(), 2, &late).await, 2);
        let counts = outbox::counts(test.db().read(), TOPIC).await.unwrap();
        assert_eq!(counts, Counts::default());
    }

    pub(super) async fn a_retried_message_comes_back_when_it_is_due(test: TestDb) {
        migrated(test.db()).await;
        enqueue(test.db(), &[message(1, NOW)]).await;
        let ids = [claim(test.db(), NOW, 1, 10).await[0].id()];
        let retry = async |claim| {
            let later = NOW + 2 * SECOND;
            let retried = test
                .db()
                .write(async |txn| outbox::retry(txn, claim_id(claim), &ids, later).await);
            retried.await.unwrap()
        };
        assert_eq!(retry(2).await, 0);
        assert_eq!(retry(1).await, 1);
        assert_eq!(claim(test.db(), NOW + SECOND, 3, 10).await, []);
        assert_eq!(claim(test.db(), NOW + 2 * SECOND, 4, 10).await[0].attempts, 2);
    }

    pub(super) async fn a_parked_message_is_not_claimed_again(test: TestDb) {
        migrated(test.db()).await;
        enqueue(test.db(), &[message(1, NOW), message(2, NOW)]).await;
        let id = claim(test.db(), NOW, 1, 1).await[0].id();
        let park = async |claim| {
            let parked = test
                .db()
                .write(async |txn| outbox::park(txn, claim_id(claim), id, "it is poison").await);
            parked.await.unwrap()
        };
        assert_eq!(park(2).await, 0);
        assert_eq!(park(1).await, 1);
        let rest = claim(test.db(), NOW + LEASE, 3, 10).await;
        assert_eq!(
            rest.iter().map(|row| row.message.id).collect::<Vec<_>>(),
            [Uuid::from_u128(2)]
        );
        let counts = outbox::counts(test.db().read(), TOPIC).await.unwrap();
        assert_eq!(counts, Counts { waiting: 1, parked: 1 });
    }
}
