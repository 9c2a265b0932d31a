use chappe_testkit::for_each_backend;

for_each_backend!(
    every_type_comes_back,
    an_empty_table_is_fine,
    conflicts_are_passed_over,
    text_of_any_kind_comes_back
);

mod suite {
    use chappe_kit::Timestamp;
    use chappe_store::{RowExt as _, Rows, Sql};
    use chappe_testkit::TestDb;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use crate::harness::{count_things, migrated};

    const INSERT: &str = "insert into things (id, label, count, flag, data, doc, other, at)
         select r.id, r.label, r.count, r.flag, r.data, r.doc, r.other, r.at from {rows} as r where true
         on conflict (id) do nothing returning id";

    #[derive(Clone, Debug, PartialEq)]
    struct Thing {
        id: Uuid,
        label: Option<String>,
        count: Option<i64>,
        flag: Option<bool>,
        data: Option<Vec<u8>>,
        doc: Option<Value>,
        other: Option<Uuid>,
        at: Option<Timestamp>,
    }

    impl Thing {
        fn nulls(id: u128) -> Self {
            Self {
                id: Uuid::from_u128(id),
                label: None,
                count: None,
                flag: None,
                data: None,
                doc: None,
                other: None,
                at: None,
            }
        }

        fn full(id: u128, label: &str, count: i64, flag: bool) -> Self {
            Self {
                id: Uuid::from_u128(id),
                label: Some(label.to_owned()),
                count: Some(count),
                flag: Some(flag),
                data: Some(vec![0, b'\\', b'"', 0xff]),
                doc: Some(json!({"a": [1, 2.5, null, "x\"y\\z"], "b": {"c": "é 🚀"}, "n": 9_007_199_254_740_993_i64})),
                other: Some(Uuid::max()),
                at: Some(Timestamp::from_micros(count)),
            }
        }
    }

    fn rows(things: &[Thing]) -> Rows {
        Rows::new(things.len())
            .uuids("id", things.iter().map(|thing| thing.id))
            .opt_texts("label", things.iter().map(|thing| thing.label.as_deref()))
            .opt_ints("count", things.iter().map(|thing| thing.count))
            .opt_bools("flag", things.iter().map(|thing| thing.flag))
            .opt_bytes("data", things.iter().map(|thing| thing.data.as_deref()))
            .opt_json("doc", things.iter().map(|thing| thing.doc.as_ref()))
            .opt_uuids("other", things.iter().map(|thing| thing.other))
            .opt_times("at", things.iter().map(|thing| thing.at))
    }

    async fn insert(test: &TestDb, things: &[Thing]) -> usize {
        let inserted = test
            .db()
            .write(async |txn| Sql::new(INSERT).rows("rows", rows(things)).all(txn).await)
            .await;
        inserted.unwrap().len()
    }

    async fn all(test: &TestDb) -> Vec<Thing> {
        let rows = Sql::new("select * from things order by id")
            .all(test.db().read())
            .await
            .unwrap();
        rows.iter()
            .map(|row| Thing {
                id: row.get("id").unwrap(),
                label: row.get("label").unwrap(),
                count: row.get("count").unwrap(),
                flag: row.get("flag").unwrap(),
                data: row.get("data").unwrap(),
                doc: row.get("doc").unwrap(),
                other: row.get("other").unwrap(),
                at: row.opt_time("at").unwrap(),
            })
            .collect()
    }

    pub(super) async fn every_type_comes_back(test: TestDb) {
        migrated(test.db()).await;
        let things = [
            Thing::full(1, "plain", i64::MAX, true),
            Thing::nulls(2),
            Thing::full(3, "", i64::MIN, false),
            Thing {
                data: Some(Vec::new()),
                doc: Some(json!({})),
                ..Thing::nulls(4)
            },
        ];
        assert_eq!(insert(&test, &things).await, 4);
        assert_eq!(all(&test).await, things);
    }

    pub(super) async fn text_of_any_kind_comes_back(test: TestDb) {
        migrated(test.db()).await;
        let texts = [
            "NULL",
            "null",
            "{",
            "}",
            "{a,b}",
            "[1]",
            "{\"a\":1}",
            "'",
            "\"",
            "\\",
            "\\x41",
            "a,b",
            " lead",
            "trail ",
            "\n\t\r",
            "é",
            "🚀",
            "{rows}",
            "$1 ?1",
            "12",
            "1e3",
            "true",
        ];
        let things: Vec<_> = (0_u128..)
            .zip(texts)
            .map(|(id, text)| Thing {
                label: Some(text.to_owned()),
                doc: Some(json!(text)),
                ..Thing::nulls(id)
            })
            .collect();
        assert_eq!(insert(&test, &things).await, texts.len());
        assert_eq!(all(&test).await, things);
    }

    pub(super) async fn an_empty_table_is_fine(test: TestDb) {
        migrated(test.db()).await;
        assert_eq!(insert(&test, &[]).await, 0);
        assert_eq!(count_things(test.db()).await, 0);
    }

    pub(super) async fn conflicts_are_passed_over(test: TestDb) {
        migrated(test.db()).await;
        assert_eq!(insert(&test, &[Thing::nulls(1), Thing::nulls(2)]).await, 2);
        assert_eq!(
            insert(&test, &[Thing::nulls(2), Thing::nulls(3), Thing::nulls(3)]).await,
            1
        );
    }
}
