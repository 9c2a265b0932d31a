//! What is refused, where, and the limits.

use serde_json::json;

use super::*;

/// The paths of the faults of a query.
fn faults(json: &Json) -> Vec<String> {
    let faults = Query::parse("targeting.query", json).err().unwrap_or_default();
    faults.into_iter().map(|fault| fault.path).collect()
}

/// The paths of the faults of an event filter.
fn filter_faults(json: &Json) -> Vec<String> {
    let faults = Filter::parse("where", json).err().unwrap_or_default();
    faults.into_iter().map(|fault| fault.path).collect()
}

#[test]
fn the_path_leads_to_the_operator() {
    let query = json!({"$or": [{}, {"age": {"$lt": true}}]});
    assert_eq!(faults(&query), ["targeting.query.$or[1].age.$lt"]);
}

#[test]
fn every_fault_is_reported() {
    let query = json!({"a": {"$lt": true, "$like": "x"}, "$segment": 5});
    assert_eq!(
        faults(&query),
        [
            "targeting.query.a.$lt",
            "targeting.query.a.$like",
            "targeting.query.$segment"
        ]
    );
}

#[test]
fn operands_of_a_wrong_type_are_refused() {
    for condition in [
        json!({"$lt": "soon"}),
        json!({"$gte": null}),
        json!({"$eq": null}),
        json!({"$eq": ["a"]}),
        json!({"$ne": {}}),
        json!({"$exists": 1}),
        json!({"$contains": 5}),
        json!({"$containsAny": "a"}),
        json!({"$containsAll": []}),
        json!({"$startsWith": ""}),
        json!({"$endsWith": 5}),
        json!({"$in": []}),
        json!({"$nin": "a"}),
        json!({"$not": "a"}),
    ] {
        let operator = condition.as_object().unwrap().keys().next().unwrap().clone();
        assert_eq!(
            faults(&json!({"x": condition})),
            [format!("targeting.query.x.{operator}")]
        );
    }
}

#[test]
fn a_bad_value_in_a_list_is_named_by_its_place() {
    assert_eq!(
        faults(&json!({"x": {"$in": ["a", null]}})),
        ["targeting.query.x.$in[1]"]
    );
    assert_eq!(
        faults(&json!({"x": {"$containsAny": ["a", 5]}})),
        ["targeting.query.x.$containsAny[1]"]
    );
}

#[test]
fn a_condition_is_operators_and_nothing_else() {
    for condition in [
        json!({}),
        json!({"city": "Paris"}),
        json!({"$eq": 1, "city": "Paris"}),
        json!(["a"]),
    ] {
        assert_eq!(faults(&json!({"x": condition})), ["targeting.query.x"]);
    }
}

#[test]
fn unknown_operators_natives_and_wrappers_are_refused() {
    for key in [
        "$nor",
        "$eq",
        "$email",
        "$label",
        "$Language",
        "time(x)",
        "DATE(x)",
        "date()",
        "a.b",
        "a b",
        "",
    ] {
        assert_eq!(faults(&json!({key: "x"})), [format!("targeting.query.{key}")]);
    }
    assert_eq!(faults(&json!({"unknown_custom_name": "x"})), [""; 0]);
}

#[test]
fn queries_have_their_shape() {
    for query in [json!(null), json!([]), json!("x"), json!(5)] {
        assert_eq!(faults(&query), ["targeting.query"]);
    }
    for junction in ["$and", "$or"] {
        assert_eq!(faults(&json!({junction: []})), [format!("targeting.query.{junction}")]);
        assert_eq!(faults(&json!({junction: {}})), [format!("targeting.query.{junction}")]);
        assert_eq!(
            faults(&json!({junction: [{}, 5]})),
            [format!("targeting.query.{junction}[1]")]
        );
    }
    assert_eq!(faults(&json!({"$not": []})), ["targeting.query.$not"]);
}

#[test]
fn dates_ages_and_birthdays_take_their_own_operands() {
    assert_eq!(faults(&json!({"date(x)": "soon"})), ["targeting.query.date(x)"]);
    assert_eq!(
        faults(&json!({"date(x)": {"$in": ["now", true]}})),
        ["targeting.query.date(x).$in[1]"]
    );
    assert_eq!(
        faults(&json!({"date(x)": {"$lt": 5.5}})),
        ["targeting.query.date(x).$lt"]
    );
    assert_eq!(faults(&json!({"date(x)": "now-"})), ["targeting.query.date(x)"]);
    assert_eq!(faults(&json!({"date(x)": "nowé"})), ["targeting.query.date(x)"]);
    assert_eq!(faults(&json!({"age(x)": {"$lt": 30}})), ["targeting.query.age(x).$lt"]);
    assert_eq!(
        faults(&json!({"age(x)": {"$eq": "30d"}})),
        ["targeting.query.age(x).$eq"]
    );
    assert_eq!(faults(&json!({"age(x)": null})), ["targeting.query.age(x)"]);
    assert_eq!(faults(&json!({"birthday(x)": false})), ["targeting.query.birthday(x)"]);
    assert_eq!(
        faults(&json!({"birthday(x)": {"$lt": "today"}})),
        ["targeting.query.birthday(x).$lt"]
    );
}

#[test]
fn a_count_of_events_has_its_shape() {
    for (event, path) in [
        (json!("purchase"), ""),
        (json!({}), ""),
        (json!({"name": 5}), ".name"),
        (json!({"name": "a b"}), ".name"),
        (json!({"name": "a", "within": 30}), ".within"),
        (json!({"name": "a", "within": "30"}), ".within"),
        (json!({"name": "a", "count": 1}), ".count"),
        (json!({"name": "a", "count": {}}), ".count"),
        (json!({"name": "a", "count": {"$gte": -1}}), ".count.$gte"),
        (json!({"name": "a", "count": {"$gte": 1.5}}), ".count.$gte"),
        (json!({"name": "a", "count": {"$in": [1]}}), ".count.$in"),
        (json!({"name": "a", "filter": {"x": {"$lt": true}}}), ".filter.x.$lt"),
        (json!({"name": "a", "since": "30d"}), ".since"),
    ] {
        assert_eq!(
            faults(&json!({"$event": event})),
            [format!("targeting.query.$event{path}")]
        );
    }
}

#[test]
fn memberships_have_their_shape() {
    for (membership, path) in [
        (json!(5), ""),
        (json!(""), ""),
        (json!({}), ""),
        (json!({"$nin": ["a"]}), ""),
        (json!({"$in": ["a"], "x": 1}), ""),
        (json!({"$in": []}), ".$in"),
        (json!({"$in": ["a", 5]}), ".$in[1]"),
    ] {
        assert_eq!(
            faults(&json!({"$segment": membership})),
            [format!("targeting.query.$segment{path}")]
        );
        assert_eq!(
            faults(&json!({"$audience": membership})),
            [format!("targeting.query.$audience{path}")]
        );
    }
}

#[test]
fn a_filter_sees_only_the_event() {
    for key in ["$event", "$segment", "$audience", "$language", "$custom_id"] {
        assert_eq!(filter_faults(&json!({key: "x"})), [format!("where.{key}")]);
        assert_eq!(
            faults(&json!({"$event": {"name": "a", "filter": {key: "x"}}})),
            [format!("targeting.query.$event.filter.{key}")]
        );
    }
    for path in ["a..b", ".a", "a.", "a.$label"] {
        assert_eq!(filter_faults(&json!({path: "x"})), [format!("where.{path}")]);
    }
    assert_eq!(
        filter_faults(&json!({"items": {"$elemMatch": {"$label": "x"}}})),
        ["where.items.$elemMatch.$label"]
    );
    assert_eq!(
        faults(&json!({"items": {"$elemMatch": {}}})),
        ["targeting.query.items.$elemMatch"]
    );
}

#[test]
fn ten_levels_are_accepted_and_eleven_are_not() {
    let nested = |levels: usize, wrap: fn(Json) -> Json| (1..levels).fold(json!({}), |inner, _| wrap(inner));
    for wrap in [|inner| json!({"$not": inner}), |inner| json!({"$or": [inner]})] {
        assert!(faults(&nested(10, wrap)).is_empty());
        assert_eq!(faults(&nested(11, wrap)).len(), 1);
    }
    let negated = |levels: usize| (1..levels).fold(json!({"$eq": 1}), |inner, _| json!({"$not": inner}));
    assert!(faults(&json!({"x": negated(10)})).is_empty());
    assert_eq!(faults(&json!({"x": negated(11)})).len(), 1);
    let matched = |levels: usize| nested(levels, |inner| json!({"x": {"$elemMatch": inner}}));
    assert!(filter_faults(&matched(10)).is_empty());
    assert_eq!(filter_faults(&matched(11)).len(), 1);
    assert_eq!(
        faults(&json!({"$event": {"name": "a", "filter": matched(10)}})).len(),
        1
    );
}

#[test]
fn a_hundred_conditions_are_accepted_and_one_more_is_refused_once() {
    let conditions = |number: usize| json!({"$and": vec![json!({"a": {"$gt": 1, "$lt": 5}}); number / 2]});
    assert!(faults(&conditions(100)).is_empty());
    assert_eq!(faults(&conditions(104)), ["targeting.query.$and[50].a.$gt"]);
    let filtered = json!({"$event": {"name": "a", "filter": conditions(100)}});
    assert_eq!(faults(&filtered).len(), 1);
}

#[test]
fn five_hundred_values_are_accepted_and_one_more_is_refused() {
    let list = |number: usize| json!({"x": {"$in": vec!["a"; number]}});
    assert!(faults(&list(500)).is_empty());
    assert_eq!(faults(&list(501)), ["targeting.query.x.$in"]);
}
