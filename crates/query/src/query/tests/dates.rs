//! Dates, ages and birthdays.

use serde_json::json;

use super::*;

/// The stored form of a date.
fn date(text: &str) -> Json {
    json!({"x": {"d": parse_instant(text).unwrap()}})
}

#[test]
fn an_operand_is_a_text_a_date_an_epoch_or_relative_to_now() {
    for operand in [
        json!("2024-06-08T12:00:00Z"),
        json!("2024-06-08T14:00:00+02:00"),
        json!(1_717_848_000),
    ] {
        assert!(
            selects(&json!({"date(x)": operand}), date("2024-06-08T12:00:00Z")),
            "{operand}"
        );
    }
    for (operand, instant) in [
        ("now", "2024-06-15T12:00:00Z"),
        ("now-7d", "2024-06-08T12:00:00Z"),
        ("now+2h", "2024-06-15T14:00:00Z"),
        ("now-4mo", "2024-02-15T12:00:00Z"),
        ("now-1y", "2023-06-15T12:00:00Z"),
    ] {
        assert!(selects(&json!({"x": operand}), date(instant)), "{operand}");
    }
}

#[test]
fn what_looks_like_a_date_stays_a_string_where_a_string_is_stored() {
    assert!(selects(&json!({"x": "now"}), json!({"x": "now"})));
    assert!(selects(
        &json!({"x": {"$in": ["2024-06-08"]}}),
        json!({"x": "2024-06-08"})
    ));
    assert!(!selects(
        &json!({"x": {"$gte": "2024-06-08"}}),
        json!({"x": "2024-06-08"})
    ));
}

#[test]
fn an_order_of_dates_needs_no_wrapper() {
    assert!(selects(
        &json!({"x": {"$lt": "2000-01-01"}}),
        date("1999-12-31T23:59:59.999999Z")
    ));
    assert!(!selects(&json!({"x": {"$lt": "2000-01-01"}}), date("2000-01-01")));
}

#[test]
fn an_age_is_younger_only_inside_the_window_up_to_now() {
    let younger = json!({"age(x)": {"$lt": "30d"}});
    assert!(!selects(&younger, date("2024-05-16T12:00:00Z")));
    assert!(selects(&younger, date("2024-05-16T12:00:00.000001Z")));
    assert!(selects(&younger, date(NOW)));
    assert!(!selects(&younger, date("2024-06-15T12:00:00.000001Z")));
    assert!(!selects(&younger, json!({})));
    assert!(selects(
        &json!({"age(x)": {"$lte": "30d"}}),
        date("2024-05-16T12:00:00Z")
    ));
}

#[test]
fn an_age_is_older_up_to_the_edge_of_the_window() {
    assert!(selects(
        &json!({"age(x)": {"$gte": "30d"}}),
        date("2024-05-16T12:00:00Z")
    ));
    assert!(!selects(
        &json!({"age(x)": {"$gt": "30d"}}),
        date("2024-05-16T12:00:00Z")
    ));
    assert!(selects(&json!({"age(x)": {"$gt": "18y"}}), date("2000-01-01")));
    assert!(!selects(&json!({"age(x)": {"$gte": "0d"}}), date("2024-06-16")));
}

#[test]
fn a_future_date_or_another_type_has_no_age() {
    assert!(selects(
        &json!({"age(x)": {"$not": {"$lt": "30d"}}}),
        date("2024-06-16")
    ));
    assert!(!selects(&json!({"age(x)": {"$gt": "1d"}}), json!({"x": "2000-01-01"})));
}

#[test]
fn a_birthday_is_the_day_in_the_zone_of_the_profile() {
    let query = json!({"birthday(x)": true});
    let born = || date("1989-06-16");
    let late = "2024-06-15T23:30:00Z";
    assert!(!selects_at(moment(late, Tz::UTC), &query, born()));
    assert!(selects_at(moment(late, Tz::Europe__Paris), &query, born()));
    assert!(!selects_at(
        moment("2024-06-16T23:30:00Z", Tz::Europe__Paris),
        &query,
        born()
    ));
    assert!(selects(
        &json!({"birthday(x)": {"$eq": "today"}}),
        date("1989-06-15T23:00:00Z")
    ));
    assert!(selects(&json!({"birthday(x)": {"$ne": "today"}}), json!({})));
}

#[test]
fn those_born_on_the_29th_of_february_celebrate_on_the_28th_in_other_years() {
    let celebrates = |now: &str| {
        let moment = moment(now, Tz::UTC);
        selects_at(moment, &json!({"birthday(x)": true}), date("2000-02-29"))
    };
    assert!(celebrates("2023-02-28"));
    assert!(!celebrates("2023-03-01"));
    assert!(!celebrates("2024-02-28"));
    assert!(celebrates("2024-02-29"));
    assert!(celebrates("2100-02-28"));
}
