//! Stored values as plain JSON, by their bare names.

use std::collections::HashMap;

use chappe_kit::Timestamp;
use chappe_proto::types::{ObjectValue, Value, value::Kind};
use serde_json::{Map, Value as Json};

/// Attributes as a JSON object, ordered by name.
pub(super) fn attributes(attributes: &HashMap<String, Value>) -> Json {
    let mut sorted: Vec<_> = attributes.iter().collect();
    sorted.sort_by_key(|(name, _)| name.as_str());
    let fields = sorted.into_iter().map(|(name, it)| (name.clone(), value(it)));
    Json::Object(fields.collect::<Map<_, _>>())
}

fn value(value: &Value) -> Json {
    match &value.kind {
        None => Json::Null,
        Some(Kind::StringValue(text) | Kind::UrlValue(text)) => text.as_str().into(),
        Some(Kind::IntegerValue(number)) => (*number).into(),
        Some(Kind::FloatValue(number)) => (*number).into(),
        Some(Kind::BooleanValue(flag)) => (*flag).into(),
        Some(Kind::DateValue(at)) => instant(Some(*at)),
        Some(Kind::ArrayValue(list)) => list.items.as_slice().into(),
        Some(Kind::ObjectValue(it)) => object(it),
        Some(Kind::ObjectListValue(list)) => list.items.iter().map(object).collect(),
    }
}

fn object(object: &ObjectValue) -> Json {
    attributes(&object.fields)
}

/// RFC 3339 in UTC, or null.
pub(super) fn instant(at: Option<prost_types::Timestamp>) -> Json {
    at.map(|at| Timestamp::from(at).to_rfc3339()).into()
}

/// A text, or null where it is empty.
pub(super) fn text(text: &str) -> Json {
    if text.is_empty() { Json::Null } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chappe_proto::types::{ObjectList, StringList};

    #[test]
    fn every_type_prints_as_its_json() {
        let of = |kind| Value { kind: Some(kind) };
        let inner = HashMap::from([("price".to_owned(), of(Kind::FloatValue(5.0)))]);
        let inner = ObjectValue { fields: inner };
        let values = HashMap::from([
            ("a".to_owned(), of(Kind::StringValue("x".to_owned()))),
            ("b".to_owned(), of(Kind::IntegerValue(i64::MAX))),
            ("c".to_owned(), of(Kind::BooleanValue(false))),
            (
                "d".to_owned(),
                of(Kind::DateValue(Timestamp::from_micros(616_896_000_500_000).into())),
            ),
            ("e".to_owned(), of(Kind::UrlValue("https://shop.example".to_owned()))),
            (
                "f".to_owned(),
                of(Kind::ArrayValue(StringList {
                    items: vec!["y".to_owned()],
                })),
            ),
            (
                "g".to_owned(),
                of(Kind::ObjectListValue(ObjectList { items: vec![inner] })),
            ),
        ]);
        assert_eq!(
            attributes(&values).to_string(),
            r#"{"a":"x","b":9223372036854775807,"c":false,"d":"1989-07-20T00:00:00.500Z","e":"https://shop.example","f":["y"],"g":[{"price":5.0}]}"#
        );
    }
}
