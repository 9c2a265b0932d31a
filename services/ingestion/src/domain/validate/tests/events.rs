//! The rules about events.

use super::*;

fn events(events: &Json) -> (Vec<Event>, Vec<(String, &'static str)>) {
    let checked = checked(item("u1", &json!({}), events));
    let faults = checked
        .faults
        .iter()
        .map(|fault| (fault.attribute.clone(), fault.reason.text()))
        .collect();
    (checked.edits.into_iter().next().unwrap().events, faults)
}

#[test]
fn the_time_of_an_event_is_near_its_receipt() {
    let at = |offset: i64| Timestamp::from_micros(NOW.micros() + offset * 1_000_000).to_rfc3339();
    let sent = json!([
        {"name": "e", "time": at(-86_400)}, {"name": "e", "time": at(-86_401)}, {"name": "e", "time": at(30)},
        {"name": "e", "time": at(61)}, {"name": "e", "time": "soon"}, {"name": "e"}
    ]);
    let (kept, faults) = events(&sent);
    assert_eq!(
        kept.iter().map(|event| event.time).collect::<Vec<_>>(),
        [NOW - Duration::from_hours(24), NOW, NOW]
    );
    let expected = [
        ("events[1].time".to_owned(), "time is more than 24 hours old"),
        ("events[3].time".to_owned(), "time is in the future"),
        ("events[4].time".to_owned(), "invalid time"),
    ];
    assert_eq!(faults, expected);
}

#[test]
fn history_may_be_old_and_names_its_events() {
    let id = Uuid::from_u128(7);
    let old = json!([{"name": "purchase", "time": "1997-01-01", "id": id}]);
    let items = vec![item("u1", &json!({}), &old)];
    let checked = check(
        &call(true),
        UpdateProfilesRequest {
            items,
            ..UpdateProfilesRequest::default()
        },
    );
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
    assert_eq!(checked.edits[0].events[0].id, Some(chappe_ids::EventId::from_uuid(id)));
}

#[test]
fn nested_content_is_kept_and_judged_in_place() {
    let (kept, faults) = events(&json!([
        {"name": "Order", "attributes": {
            "$label": "big", "$tags": ["On_Sale", "on_sale"], "address": {"city": "Paris", "gone": null},
            "items_list": [{"name": "Tee", "url(link)": "https://shop.example/t"}], "none": []}},
        {"name": "e", "attributes": {"a": {"b": {"c": {"d": {}}}}}},
        {"name": "e", "attributes": {"list": [{"price": {"$x": 1}}, {"price": ""}]}},
        {"name": "e", "attributes": {"list": ["a", {}]}},
        {"name": "email_open"}, 5
    ]));
    let attributes = &kept[0].attributes;
    assert_eq!(kept[0].name, "order");
    assert_eq!(attributes["$tags"], Value::Array(vec!["on_sale".to_owned()]));
    assert_eq!(attributes["none"], Value::Array(Vec::new()));
    assert!(matches!(&attributes["items_list"], Value::Objects(items) if items[0].len() == 2));
    let expected = [
        ("events[1].attributes.a.b.c.d", "nesting deeper than 3 levels"),
        ("events[2].attributes.list[0].price.$x", "reserved key in nested object"),
        (
            "events[2].attributes.list[1].price",
            "string must hold 1 to 300 characters",
        ),
        (
            "events[3].attributes.list",
            "array items must be all strings or all objects",
        ),
        ("events[4].name", "invalid event name"),
        ("events[5]", "invalid event"),
    ];
    assert_eq!(faults, expected.map(|(path, reason)| (path.to_owned(), reason)));
}

#[test]
fn the_sixteenth_event_is_refused() {
    let (kept, faults) = events(&json!(vec![json!({"name": "e"}); 16]));
    assert_eq!(
        (kept.len(), faults),
        (15, vec![("events[15]".to_owned(), "too many events (max 15)")])
    );
}

#[test]
fn a_key_names_events_by_their_place() {
    let keyed = Call {
        idempotency: Some(("k", [7; 32])),
        first_index: 200,
        ..call(false)
    };
    let request = || UpdateProfilesRequest {
        items: vec![item(
            "u1",
            &json!({}),
            &json!([{"name": "a"}, {"name": "a", "$id": "mine"}]),
        )],
        ..UpdateProfilesRequest::default()
    };
    let ids = |checked: Checked| checked.edits[0].events.iter().map(|event| event.id).collect::<Vec<_>>();
    let first = ids(check(&keyed, request()));
    assert_eq!(first, ids(check(&keyed, request())));
    assert_eq!(
        first[0],
        Some(chappe_ids::event_id_from_key(keyed.project, "k", &[7; 32], 200, 0))
    );
    assert_eq!(first[1], Some(chappe_ids::event_id_from_client(keyed.project, "mine")));
}

#[test]
fn text_that_no_store_can_hold_is_refused_alone() {
    let (kept, faults) = events(&json!([
        {"name": "e", "attributes": {"$label": "a\u{0}b"}},
        {"name": "e", "attributes": {"$tags": ["ok", "a\u{0}b"]}},
        {"name": "e", "attributes": {"text": "a\u{0}b"}},
        {"name": "e"}
    ]));
    assert_eq!(kept.len(), 1);
    let faults: Vec<_> = faults.iter().map(|fault| fault.0.as_str()).collect();
    let expected = [
        "events[0].attributes.$label",
        "events[1].attributes.$tags",
        "events[2].attributes.text",
    ];
    assert_eq!(faults, expected);
}
