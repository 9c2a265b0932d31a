//! Counts of events, segments and audiences, and filters on the attributes of an event.

use serde_json::json;

use super::*;

fn purchase() -> Json {
    json!({
        "$label": "spring",
        "$tags": ["sale", "web"],
        "amount": {"f": 47.98},
        "delivery_address": {"o": {"city": "Paris", "zip_code": 75003}},
        "items_list": {"l": [
            {"name": "Basic Tee", "price": {"f": 23.99}, "in_sales": true},
            {"name": "Cap", "price": 9, "when": {"d": 0}},
        ]},
        "metadata": ["first_order", "loyalty"],
    })
}

fn answered(query: &Query, answers: &Answers) -> bool {
    query.matches(&Subject {
        attributes: &Attributes::new(),
        custom_id: None,
        moment: moment(NOW, Tz::UTC),
        answers,
    })
}

#[test]
fn a_count_is_asked_for_up_front_and_answered_by_its_place() {
    let query = query(&json!({"$and": [
        {"$event": {"name": "Purchase", "within": "30d", "filter": {"amount": {"$gt": 10}}}},
        {"$event": {"name": "email_open", "count": {"$gte": 2, "$ne": 4}}},
        {"$event": {"name": "email_open", "count": {"$lte": 5}}},
    ]}));
    let [purchases, opens] = query.needs().event_counts.as_slice() else {
        panic!("equal counts are asked for once: {:?}", query.needs());
    };
    assert_eq!(
        (purchases.name.as_str(), purchases.within.to_string()),
        ("purchase", "30d".to_owned())
    );
    assert_eq!(
        purchases.after(parse_instant(NOW).unwrap()),
        parse_instant("2024-05-16T12:00:00Z").unwrap()
    );
    let filter = purchases.filter.as_ref().unwrap();
    assert!(filter.matches(&attributes(purchase()), moment(NOW, Tz::UTC)));
    assert_eq!((opens.within, &opens.filter), (DEFAULT_EVENT_WINDOW, &None));

    let counted = |purchases, opens| Answers {
        event_counts: vec![purchases, opens],
        ..Answers::default()
    };
    assert!(answered(&query, &counted(1, 5)));
    for (purchases, opens) in [(0, 5), (1, 1), (1, 4), (1, 6)] {
        assert!(!answered(&query, &counted(purchases, opens)), "{purchases} {opens}");
    }
}

#[test]
fn segments_and_audiences_are_asked_for_once_each_with_their_place() {
    let query =
        query(&json!({"$or": [{"$segment": {"$in": ["vip", "new"]}}, {"$segment": "new", "$audience": "lyon"}]}));
    let reference = |name: &str, path: &str| Reference {
        name: name.to_owned(),
        path: path.to_owned(),
    };
    let expected = Needs {
        event_counts: Vec::new(),
        segments: vec![
            reference("vip", "query.$or[0].$segment.$in[0]"),
            reference("new", "query.$or[0].$segment.$in[1]"),
        ],
        audiences: vec![reference("lyon", "query.$or[1].$audience")],
    };
    assert_eq!(query.needs(), &expected);

    let member = |segments: [bool; 2]| Answers {
        segments: segments.to_vec(),
        audiences: vec![true],
        ..Answers::default()
    };
    assert!(answered(&query, &member([true, false])));
    assert!(answered(&query, &member([false, true])));
    assert!(!answered(&query, &member([false, false])));
    assert!(!answered(&query, &Answers::default()));
}

#[test]
fn a_dotted_path_reaches_into_objects() {
    assert!(passes(&json!({"delivery_address.City": "Paris"}), purchase()));
    assert!(!passes(
        &json!({"delivery_address.street": {"$exists": true}}),
        purchase()
    ));
    assert!(!passes(&json!({"amount.city": {"$exists": true}}), purchase()));
    assert!(passes(&json!({"date(items_list.when)": {"$lt": "now"}}), purchase()));
}

#[test]
fn labels_and_tags_are_fields() {
    assert!(passes(
        &json!({"$label": "spring", "$tags": {"$containsAll": ["sale", "web"]}}),
        purchase()
    ));
    assert!(passes(&json!({"$label": null}), json!({})));
}

#[test]
fn a_path_through_objects_holds_for_some_of_them() {
    assert!(passes(&json!({"items_list.price": {"$lt": 10}}), purchase()));
    assert!(passes(&json!({"items_list.price": {"$lt": 10, "$gt": 20}}), purchase()));
    assert!(!passes(&json!({"items_list.price": {"$gt": 30}}), purchase()));
}

#[test]
fn a_negation_on_a_path_through_objects_holds_for_all_of_them() {
    assert!(!passes(&json!({"items_list.name": {"$ne": "Cap"}}), purchase()));
    assert!(!passes(
        &json!({"items_list.name": {"$not": {"$eq": "Cap"}}}),
        purchase()
    ));
    assert!(passes(
        &json!({"items_list.name": {"$nin": ["Hat", "Sock"]}}),
        purchase()
    ));
    assert!(!passes(&json!({"items_list.when": null}), purchase()));
    assert!(passes(&json!({"items_list.colour": null}), purchase()));
}

#[test]
fn elem_match_binds_conditions_to_one_object() {
    let bound = |query: Json| passes(&json!({"items_list": {"$elemMatch": query}}), purchase());
    assert!(bound(json!({"name": "Cap", "price": {"$lt": 10}})));
    assert!(!bound(json!({"name": "Cap", "price": {"$gt": 20}})));
    assert!(bound(json!({"in_sales": null})));
    assert!(!passes(&json!({"metadata": {"$elemMatch": {}}}), purchase()));
    assert!(!passes(&json!({"delivery_address": {"$elemMatch": {}}}), purchase()));
}

#[test]
fn objects_are_present_and_fit_no_other_operator() {
    for name in ["delivery_address", "items_list"] {
        assert!(passes(&json!({name: {"$exists": true}}), purchase()));
        assert!(!passes(&json!({name: {"$contains": "Paris"}}), purchase()));
        assert!(passes(&json!({name: {"$ne": "Paris"}}), purchase()));
    }
}
