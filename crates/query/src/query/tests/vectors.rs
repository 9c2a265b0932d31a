//! The vectors of the contract, T1 to T12.

use serde_json::json;

use super::*;

#[test]
fn t1_the_empty_query_matches_everybody() {
    assert!(selects(&json!({}), json!({})));
}

#[test]
fn t2_equality_of_strings_is_case_sensitive() {
    assert!(!selects(
        &json!({"firstname": {"$eq": "Jane"}}),
        json!({"firstname": "jane"})
    ));
}

#[test]
fn t3_an_absent_attribute_differs_from_everything() {
    assert!(selects(&json!({"tier": {"$ne": "gold"}}), json!({})));
}

#[test]
fn t4_a_string_is_not_compared_with_a_number() {
    assert!(!selects(&json!({"score": {"$gt": 5}}), json!({"score": "9"})));
}

#[test]
fn t5_the_negation_of_a_comparison_holds_without_the_attribute() {
    assert!(selects(&json!({"score": {"$not": {"$gt": 5}}}), json!({})));
}

#[test]
fn t6_an_array_contains_its_items() {
    assert!(selects(
        &json!({"interests": {"$contains": "bikes"}}),
        json!({"interests": ["bikes", "cinema"]})
    ));
}

#[test]
fn t7_contains_all_wants_all() {
    let query = json!({"interests": {"$containsAll": ["bikes", "golf"]}});
    assert!(!selects(&query, json!({"interests": ["bikes", "cinema"]})));
}

#[test]
fn t8_an_integer_equals_the_same_float() {
    assert!(selects(&json!({"qty": 5}), json!({"qty": {"f": 5.0}})));
}

#[test]
fn t9_null_asks_for_absence() {
    assert!(selects(&json!({"tier": null}), json!({})));
    assert!(!selects(&json!({"tier": null}), json!({"tier": "gold"})));
}

#[test]
fn t10_one_alternative_is_enough() {
    let query = json!({"$or": [{"$language": "fr"}, {"$region": {"$in": ["BE", "CH"]}}]});
    assert!(selects(&query, json!({"$language": "en", "$region": "CH"})));
}

#[test]
fn t11_a_count_of_zero_holds_without_events() {
    assert!(selects(
        &json!({"$event": {"name": "purchase", "count": {"$eq": 0}}}),
        json!({})
    ));
}

#[test]
fn t12_a_date_field_stored_as_a_string_counts_as_absent() {
    assert!(!selects(
        &json!({"date(birthdate)": {"$lt": "2000-01-01"}}),
        json!({"birthdate": "1990-01-01"})
    ));
}
