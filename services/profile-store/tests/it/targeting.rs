use chappe_testkit::for_each_backend;

for_each_backend!(
    each_check_is_answered_in_order,
    events_are_counted_in_their_window_and_by_their_attributes,
    a_birthday_is_where_the_person_is,
    unknown_segments_and_faults_are_told_at_once,
);

mod suite {
    use chappe_ids::ProfileId;
    use chappe_kit::{Error, Timestamp, grpc};
    use chappe_proto::{profile as pb, types};
    use chappe_testkit::TestDb;
    use serde_json::{Value as Json, json};

    use crate::support::{DAY, EditExt as _, PROJECT, START, Store, edit, person};

    async fn ask(store: &Store, queries: &[Json], checks: &[(ProfileId, i32)]) -> Result<Vec<bool>, Error> {
        let queries = queries
            .iter()
            .map(|query| chappe_proto::to_struct(query.as_object().unwrap()));
        let checks = checks.iter().map(|(profile, query)| pb::TargetingCheck {
            profile_id: profile.to_string(),
            query: *query,
        });
        let request = pb::EvaluateTargetingRequest {
            queries: queries.collect(),
            checks: checks.collect(),
        };
        let response = store.client().evaluate_targeting(grpc::call(PROJECT, request)).await?;
        Ok(response.into_inner().matches)
    }

    pub(super) async fn each_check_is_answered_in_order(test: TestDb) {
        let store = Store::new(test).await;
        store
            .apply(vec![
                edit(person(1)).set("plan", "gold"),
                edit(person(2)).set("plan", "tin"),
            ])
            .await;
        let queries = [
            json!({"plan": "gold"}),
            json!({"$custom_id": format!("user-{}", person(2))}),
        ];
        let checks = [
            (person(1), 0),
            (person(2), 0),
            (person(2), 1),
            (person(9), 0),
            (person(1), 0),
        ];
        let matches = ask(&store, &queries, &checks).await.unwrap();
        assert_eq!(matches, [true, false, true, false, true]);
    }

    pub(super) async fn events_are_counted_in_their_window_and_by_their_attributes(test: TestDb) {
        let store = Store::new(test).await;
        store
            .apply(vec![
                edit(person(1))
                    .event(1, "purchase", START - DAY * 10)
                    .event(2, "purchase", START - DAY * 40)
                    .event(3, "visit", START),
                edit(person(2)).event(4, "purchase", START),
            ])
            .await;
        let count = |event: Json, count: u64| {
            let mut event = event;
            event["count"] = json!({"$gte": count});
            json!({ "$event": event })
        };
        let queries = [
            count(json!({"name": "purchase"}), 2),
            count(json!({"name": "purchase", "within": "30d"}), 2),
            count(json!({"name": "purchase", "filter": {"product": "tee"}}), 2),
            count(json!({"name": "purchase", "filter": {"product": "cap"}}), 1),
        ];
        let checks: Vec<_> = (0..4)
            .flat_map(|query| [(person(1), query), (person(2), query)])
            .collect();
        let matches = ask(&store, &queries, &checks).await.unwrap();
        assert_eq!(matches, [true, false, false, false, true, false, false, false]);
    }

    pub(super) async fn a_birthday_is_where_the_person_is(test: TestDb) {
        let store = Store::new(test).await;
        // 12:00 UTC on the 15th is the 16th in Kiritimati, 14 hours ahead.
        let born = pb::AttributeEdit {
            name: "born".to_owned(),
            change: Some(pb::attribute_edit::Change::Set(types::Value {
                kind: Some(types::value::Kind::DateValue(
                    Timestamp::from(chrono_date("1990-01-16")).into(),
                )),
            })),
        };
        let mut here = edit(person(1)).set("$timezone", "Europe/Paris");
        here.attributes.push(born.clone());
        let mut there = edit(person(2)).set("$timezone", "Pacific/Kiritimati");
        there.attributes.push(born);
        store.apply(vec![here, there]).await;
        let query = json!({"birthday(born)": true});
        let matches = ask(&store, &[query], &[(person(1), 0), (person(2), 0)]).await.unwrap();
        assert_eq!(matches, [false, true]);
    }

    fn chrono_date(text: &str) -> chrono::DateTime<chrono::Utc> {
        format!("{text}T00:00:00Z").parse().unwrap()
    }

    pub(super) async fn unknown_segments_and_faults_are_told_at_once(test: TestDb) {
        let store = Store::new(test).await;
        let queries = [
            json!({"plan": {"$near": 1}}),
            json!({"$segment": {"$in": ["vip"]}}),
            json!({"plan": "gold"}),
        ];
        let refused = ask(&store, &queries, &[(person(1), 2)]).await.unwrap_err();
        let fields: Vec<_> = refused
            .violations()
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(fields.len(), 2, "{fields:?}");
        assert!(
            fields[0].starts_with("queries[0].plan") && fields[1].starts_with("queries[1].$segment"),
            "{fields:?}"
        );
        assert!(ask(&store, &[], &[(person(1), 0)]).await.is_err());
    }
}
