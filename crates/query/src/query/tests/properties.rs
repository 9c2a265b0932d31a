//! What holds for every query and every profile.

use proptest::{collection, prelude::*};
use serde_json::json;

use super::*;
use crate::Value;

fn any_scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        prop_oneof!["[ab]{0,2}", Just("now-1d".to_owned()), Just("1970-01-01".to_owned())].prop_map(Json::from),
        (-2_i64..3).prop_map(Json::from),
        (-2.0..3.0).prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
    ]
}

fn any_stored() -> impl Strategy<Value = Option<Value>> {
    let value = prop_oneof![
        "[ab]{0,2}".prop_map(Value::String),
        "[ab]{0,2}".prop_map(Value::Url),
        (-2_i64..3).prop_map(Value::Integer),
        (-2_i32..3).prop_map(|number| Value::Float(f64::from(number))),
        any::<bool>().prop_map(Value::Boolean),
        (-1_i64..2).prop_map(|seconds| Value::Date(seconds * 1_000_000)),
        collection::vec("[ab]{0,2}", 0..3).prop_map(Value::Array),
    ];
    prop::option::of(value)
}

/// JSON that often looks like a query.
fn any_json() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        4 => any_scalar(),
        1 => Just(Json::Null),
        1 => any::<String>().prop_map(Json::from),
        1 => any::<i64>().prop_map(Json::from),
        1 => any::<f64>().prop_map(Json::from),
        1 => Just(json!("30d")),
    ];
    let keys = prop_oneof![
        8 => prop::sample::select(vec![
            "$and", "$or", "$not", "$event", "$segment", "$audience", "$eq", "$ne", "$lt", "$gte", "$in", "$nin",
            "$contains", "$containsAny", "$containsAll", "$startsWith", "$endsWith", "$exists", "$elemMatch", "name",
            "within", "count", "filter", "x", "x.y", "c.x", "date(x)", "url(x)", "age(x)", "birthday(x)", "$label",
            "$language", "$custom_id",
        ])
        .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    scalar.prop_recursive(6, 40, 4, move |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            collection::vec((keys.clone(), inner), 0..4).prop_map(|pairs| Json::Object(pairs.into_iter().collect())),
        ]
    })
}

fn holds(condition: &Json, stored: Option<&Value>) -> bool {
    let attributes: Attributes = stored
        .map(|value| ("x".to_owned(), value.clone()))
        .into_iter()
        .collect();
    query(&json!({"x": condition})).matches(&Subject {
        attributes: &attributes,
        custom_id: None,
        moment: moment(NOW, Tz::UTC),
        answers: &Answers::default(),
    })
}

proptest! {
    #[test]
    fn ne_is_the_negation_of_eq(stored in any_stored(), operand in any_scalar()) {
        let equal = holds(&json!({"$eq": operand}), stored.as_ref());
        prop_assert_eq!(holds(&json!({"$ne": operand}), stored.as_ref()), !equal);
        prop_assert_eq!(holds(&operand, stored.as_ref()), equal);
    }

    #[test]
    fn in_is_the_disjunction_of_eq_and_nin_its_negation(
        stored in any_stored(),
        operands in collection::vec(any_scalar(), 1..4),
    ) {
        let some = operands.iter().any(|operand| holds(operand, stored.as_ref()));
        prop_assert_eq!(holds(&json!({"$in": operands}), stored.as_ref()), some);
        prop_assert_eq!(holds(&json!({"$nin": operands}), stored.as_ref()), !some);
    }

    #[test]
    fn numbers_and_dates_are_less_equal_or_greater_and_nothing_else_is_ordered(
        stored in any_stored(),
        operand in -2_i64..3,
    ) {
        let held = ["$lt", "$eq", "$gt"].into_iter().filter(|op| holds(&json!({*op: operand}), stored.as_ref()));
        let ordered = matches!(stored, Some(Value::Integer(_) | Value::Float(_) | Value::Date(_)));
        prop_assert_eq!(held.count(), usize::from(ordered));
    }

    #[test]
    fn any_json_is_parsed_or_refused_with_a_place_and_then_evaluated(json in any_json(), stored in any_stored()) {
        let attributes: Attributes = stored.map(|value| ("x".to_owned(), value)).into_iter().collect();
        let moment = moment(NOW, Tz::Asia__Tokyo);
        match Query::parse("query", &json) {
            Ok(query) => {
                let negation = Query::parse("query", &json!({"$not": json}));
                let subject = Subject { attributes: &attributes, custom_id: Some("a"), moment, answers: &Answers::default() };
                let holds = query.matches(&subject);
                prop_assert!(negation.is_err() || negation.is_ok_and(|negation| negation.matches(&subject) != holds));
            }
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                prop_assert!(faults.iter().all(|fault| fault.path.starts_with("query")));
            }
        }
        if let Ok(filter) = Filter::parse("where", &json) {
            filter.matches(&attributes, moment);
        }
    }
}
