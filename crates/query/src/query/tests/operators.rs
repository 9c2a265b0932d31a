//! One test for each cell of the operator table that is not plain to see.

use serde_json::json;

use super::*;

/// One stored value of each type.
fn every_type() -> [Json; 6] {
    [
        json!("5"),
        json!({"u": "https://shop.example"}),
        json!(5),
        json!(true),
        json!({"d": 0}),
        json!(["5"]),
    ]
}

/// The types of stored value, by their place in [`every_type`], that the condition holds for.
fn holding(condition: &Json) -> Vec<usize> {
    let types = every_type();
    let holds = |at: &usize| selects(&json!({"x": condition}), json!({"x": types[*at]}));
    (0..types.len()).filter(holds).collect()
}

const STRING: usize = 0;
const URL: usize = 1;
const INTEGER: usize = 2;
const BOOLEAN: usize = 3;
const DATE: usize = 4;
const ARRAY: usize = 5;

#[test]
fn equality_never_crosses_types() {
    assert_eq!(holding(&json!("5")), [STRING, ARRAY]);
    assert_eq!(holding(&json!("https://shop.example")), [URL]);
    assert_eq!(holding(&json!(5)), [INTEGER]);
    assert_eq!(holding(&json!(true)), [BOOLEAN]);
    assert_eq!(holding(&json!("1970-01-01")), [DATE]);
    assert_eq!(holding(&json!(0)), [DATE]);
}

#[test]
fn the_negative_operators_hold_wherever_the_positive_do_not() {
    assert_eq!(holding(&json!({"$ne": "5"})), [URL, INTEGER, BOOLEAN, DATE]);
    assert_eq!(holding(&json!({"$neq": "5"})), [URL, INTEGER, BOOLEAN, DATE]);
    assert_eq!(holding(&json!({"$nin": ["5", 5]})), [URL, BOOLEAN, DATE]);
    assert!(selects(&json!({"x": {"$nin": ["5"]}}), json!({})));
}

#[test]
fn only_numbers_and_dates_have_an_order() {
    assert_eq!(holding(&json!({"$gte": 0})), [INTEGER, DATE]);
    assert_eq!(holding(&json!({"$lt": "now"})), [DATE]);
    assert_eq!(holding(&json!({"$lt": 5.5})), [INTEGER]);
}

#[test]
fn a_list_mixes_types_and_looks_into_arrays() {
    assert_eq!(holding(&json!({"$in": ["5", true]})), [STRING, BOOLEAN, ARRAY]);
    assert_eq!(holding(&json!({"$in": [5.0, "1970-01-01T00:00:00Z"]})), [INTEGER, DATE]);
}

#[test]
fn contains_is_a_part_of_a_text_but_a_whole_item_of_an_array() {
    assert_eq!(holding(&json!({"$contains": "shop"})), [URL]);
    assert_eq!(holding(&json!({"$contains": "5"})), [STRING, ARRAY]);
    assert!(!selects(&json!({"x": {"$contains": "bike"}}), json!({"x": ["bikes"]})));
}

#[test]
fn contains_any_and_all_are_for_arrays_alone() {
    assert_eq!(holding(&json!({"$containsAny": ["5", "6"]})), [ARRAY]);
    assert_eq!(holding(&json!({"$containsAll": ["5"]})), [ARRAY]);
    assert_eq!(holding(&json!({"$containsAll": ["5", "6"]})), [0; 0]);
}

#[test]
fn starts_and_ends_are_for_texts_alone() {
    assert_eq!(holding(&json!({"$startsWith": "5"})), [STRING]);
    assert_eq!(holding(&json!({"$startsWith": "https:"})), [URL]);
    assert_eq!(holding(&json!({"$endsWith": ".example"})), [URL]);
}

#[test]
fn presence_has_no_type() {
    assert_eq!(
        holding(&json!({"$exists": true})),
        [STRING, URL, INTEGER, BOOLEAN, DATE, ARRAY]
    );
    assert_eq!(holding(&json!({"$exists": false})), [0; 0]);
    assert!(selects(&json!({"x": {"$exists": false}}), json!({})));
}

#[test]
fn operators_of_one_object_all_hold() {
    let between = json!({"x": {"$gt": 1, "$lt": 5}});
    assert!(selects(&between, json!({"x": 3})));
    assert!(!selects(&between, json!({"x": 5})));
}

#[test]
fn numbers_are_compared_without_rounding() {
    let above = 9_007_199_254_740_993_i64;
    let float = json!({"f": 9_007_199_254_740_992.0});
    assert!(!selects(&json!({"x": above}), json!({"x": float})));
    assert!(selects(&json!({"x": {"$lt": above}}), json!({"x": float})));
    assert!(selects(
        &json!({"x": {"$gt": 9_007_199_254_740_992.0}}),
        json!({"x": above})
    ));
    assert!(selects(&json!({"x": {"$lt": 1e300}}), json!({"x": i64::MAX})));
    assert!(selects(&json!({"x": {"$gt": -1e300}}), json!({"x": i64::MIN})));
    assert!(selects(&json!({"x": {"$lt": -4.5}}), json!({"x": -5})));
    assert!(selects(&json!({"x": {"$gt": u64::MAX}}), json!({"x": {"f": 1e300}})));
}

#[test]
fn names_fold_and_their_prefixes_are_ignored() {
    for name in ["tier", "Tier", "c.tier", "u.Tier", "t.tier", "ut.tier", "C.tier"] {
        assert!(selects(&json!({name: "gold"}), json!({"tier": "gold"})), "{name}");
    }
    assert!(selects(
        &json!({"date(c.Born)": "1970-01-01"}),
        json!({"born": {"d": 0}})
    ));
}

#[test]
fn a_url_field_asserts_the_type() {
    let query = json!({"url(x)": {"$contains": "shop"}});
    assert!(selects(&query, json!({"x": {"u": "https://shop.example"}})));
    assert!(!selects(&query, json!({"x": "https://shop.example"})));
}

#[test]
fn a_value_of_another_type_than_asserted_counts_as_absent() {
    assert!(selects(&json!({"date(x)": null}), json!({"x": "1990-01-01"})));
    assert!(!selects(&json!({"date(x)": {"$exists": true}}), json!({"x": 5})));
    assert!(selects(
        &json!({"date(x)": {"$ne": "1990-01-01"}}),
        json!({"x": "1990-01-01"})
    ));
}

#[test]
fn the_custom_id_is_a_string_that_may_be_absent() {
    let selects = |json: &Json, custom_id| {
        query(json).matches(&Subject {
            attributes: &Attributes::new(),
            custom_id,
            moment: moment(NOW, Tz::UTC),
            answers: &Answers::default(),
        })
    };
    assert!(selects(&json!({"$custom_id": {"$startsWith": "ab"}}), Some("abc")));
    assert!(!selects(&json!({"$custom_id": "ABC"}), Some("abc")));
    assert!(selects(&json!({"$custom_id": null}), None));
}

#[test]
fn pairs_are_anded_and_junctions_nest() {
    let query = json!({"a": 1, "$not": {"$and": [{"b": 2}, {"$or": [{"c": 3}, {"d": 4}]}]}});
    assert!(selects(&query, json!({"a": 1, "b": 2})));
    assert!(!selects(&query, json!({"a": 1, "b": 2, "d": 4})));
    assert!(!selects(&query, json!({"b": 3})));
}
