//! The rules, one table each.

mod events;

use std::time::Duration;

use chappe_proto::types::{Installation, RawValue};
use chappe_query::Value;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn raw(json: &Json) -> RawValue {
    serde_json::from_str(&json.to_string()).unwrap()
}

fn call(backfill: bool) -> Call<'static> {
    let project = ProjectId::from_uuid(Uuid::from_u128(1));
    Call {
        project,
        now: NOW,
        idempotency: None,
        first_index: 0,
        backfill,
    }
}

fn item(id: &str, attributes: &Json, events: &Json) -> ProfileUpdate {
    let identifier = Identifier {
        kind: Some(Named::CustomId(id.to_owned())),
    };
    ProfileUpdate {
        identifier: Some(identifier),
        attributes: Some(raw(attributes)),
        events: Some(raw(events)),
    }
}

fn checked(item: ProfileUpdate) -> Checked {
    check(
        &call(false),
        UpdateProfilesRequest {
            items: vec![item],
            ..UpdateProfilesRequest::default()
        },
    )
}

fn attributes(attributes: &Json) -> (Vec<(String, AttributeEdit)>, Vec<&'static str>) {
    let checked = checked(item("u1", attributes, &json!([])));
    let reasons = checked.faults.iter().map(|fault| fault.reason.text()).collect();
    (checked.edits.into_iter().next().unwrap().attributes, reasons)
}

fn set(value: Value) -> AttributeEdit {
    AttributeEdit::Set(value)
}

#[test]
fn values_have_the_type_they_are_written_in() {
    let (edits, faults) = attributes(&json!({
        "LoyaltyTier": 5, "ratio": 5.0, "vip": true, "nickname": "Jo", "date(birthdate)": "1989-07-20T02:00:00+02:00",
        "url(page)": "https://shop.example/a", "tags": ["a", "b", "a"], "old": null, "more": {"$add": ["c"], "$remove": []}
    }));
    assert!(faults.is_empty(), "{faults:?}");
    let expected = [
        ("loyaltytier", set(Value::Integer(5))),
        ("ratio", set(Value::Float(5.0))),
        ("vip", set(Value::Boolean(true))),
        ("nickname", set(Value::String("Jo".to_owned()))),
        ("birthdate", set(Value::Date(616_896_000_000_000))),
        ("page", set(Value::Url("https://shop.example/a".to_owned()))),
        ("tags", set(Value::Array(vec!["a".to_owned(), "b".to_owned()]))),
        ("old", AttributeEdit::Remove),
        (
            "more",
            AttributeEdit::Patch {
                add: vec!["c".to_owned()],
                remove: Vec::new(),
            },
        ),
    ];
    assert_eq!(edits, expected.map(|(name, edit)| (name.to_owned(), edit)));
}

#[test]
fn the_last_key_of_a_name_wins() {
    let (edits, _) = attributes(&json!({"Foo": 1, "bar": 0, "foo": 2}));
    assert_eq!(
        edits,
        [
            ("bar".to_owned(), set(Value::Integer(0))),
            ("foo".to_owned(), set(Value::Integer(2)))
        ]
    );
}

#[test]
fn what_is_wrong_is_refused_alone() {
    let cases = [
        (json!({"k": ""}), "string must hold 1 to 300 characters"),
        (json!({"k": "x".repeat(301)}), "string must hold 1 to 300 characters"),
        (json!({"k": {}}), "unsupported value type"),
        (json!({"k": {"$set": ["a"]}}), "unsupported value type"),
        (json!({"k": []}), "array must hold 1 to 25 strings"),
        (json!({"k": vec!["a"; 26]}), "array must hold 1 to 25 strings"),
        (json!({"k": ["a", 1]}), "array must hold 1 to 25 strings"),
        (json!({"k": ["a", ""]}), "array item must hold 1 to 300 characters"),
        (json!({"date(k)": "tomorrow"}), "invalid date"),
        (json!({"url(k)": "shop.example"}), "invalid url"),
        (json!({"time(k)": 1}), "invalid attribute name"),
        (json!({"a b": 1}), "invalid attribute name"),
        (json!({"$nope": 1}), "unknown native attribute"),
        (json!({"$email_address": "jane"}), "invalid email address"),
        (
            json!({"$email_address": "a@b.example\r\nBcc: c@d.example"}),
            "invalid email address",
        ),
        (json!({"$email_marketing": "yes"}), "invalid subscription state"),
        (json!({"$phone_number": "06123"}), "invalid phone number"),
        (json!({"$language": "english"}), "invalid language"),
        (json!({"$region": "FRA"}), "invalid region"),
        (json!({"$timezone": "Mars/Olympus"}), "invalid timezone"),
        (json!({"$topic_preferences": ["a b"]}), "invalid topic"),
    ];
    for (mut case, reason) in cases {
        case["good"] = json!(1);
        let (edits, faults) = attributes(&case);
        assert_eq!(faults, [reason], "{case}");
        assert_eq!(edits.len(), 1, "{case}");
    }
}

#[test]
fn natives_are_normalised() {
    let (edits, faults) = attributes(&json!({
        "$email_address": " Jane@Example.org ", "$language": "EN-us", "$region": "fr", "$timezone": "Europe/Paris",
        "$topic_preferences": []
    }));
    assert!(faults.is_empty(), "{faults:?}");
    let values: Vec<_> = edits.into_iter().map(|(_, edit)| edit).collect();
    let text = |text: &str| set(Value::String(text.to_owned()));
    let expected = [
        text("Jane@Example.org"),
        text("en"),
        text("FR"),
        text("Europe/Paris"),
        AttributeEdit::Remove,
    ];
    assert_eq!(values, expected);
}

#[test]
fn the_fifty_first_attribute_is_refused() {
    let many: serde_json::Map<_, _> = (0..51).map(|n| (format!("a{n}"), json!(n))).collect();
    let (edits, faults) = attributes(&Json::Object(many));
    assert_eq!((edits.len(), faults), (50, vec!["too many attributes (max 50)"]));
}

#[test]
fn personal_attributes_need_a_custom_id() {
    let installation = Installation {
        app_key: "app".to_owned(),
        installation_id: Uuid::nil().to_string(),
    };
    let identifier = Identifier {
        kind: Some(Named::Installation(installation)),
    };
    let attributes = Some(raw(&json!({"$email_address": "a@b.example", "$language": "fr"})));
    let checked = checked(ProfileUpdate {
        identifier: Some(identifier),
        attributes,
        events: None,
    });
    assert_eq!(checked.faults[0].reason, Reason::NeedsCustomId);
    assert_eq!(checked.edits[0].attributes.len(), 1);
}

#[test]
fn custom_ids_that_mean_nobody_are_refused() {
    for id in ["NULL", " ", "", "a\nb", "[object Object]", &"x".repeat(1025)] {
        let checked = checked(item(id, &json!({"k": 1}), &json!([{"name": "e"}])));
        assert_eq!(checked.faults[0].category, Category::Identifier, "{id}");
        assert_eq!((checked.edits.len(), checked.events_refused), (0, 1), "{id}");
    }
    assert_eq!(checked(item(&"é".repeat(1024), &json!({}), &json!([]))).edits.len(), 1);
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,12}".prop_map(Json::from),
        Just(json!("2026-01-01T00:00:00Z")),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        let key = prop_oneof![
            "[a-z$()_ ]{0,8}",
            Just("name".to_owned()),
            Just("attributes".to_owned())
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::vec((key, inner), 0..6).prop_map(|pairs| Json::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_a_client_sends_breaks_the_checks(attributes in any_json(), events in any_json(), id in ".{0,8}") {
        let checked = checked(item(&id, &attributes, &events));
        prop_assert!(checked.edits.len() <= 1);
    }
}
