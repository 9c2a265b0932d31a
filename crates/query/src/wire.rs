//! Values as they travel between services.

use std::collections::HashMap;

use chappe_proto::types::{self, value::Kind};

use crate::{Attributes, Value};

/// A value for the wire.
pub fn to_proto(value: &Value) -> types::Value {
    let kind = match value {
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Integer(number) => Kind::IntegerValue(*number),
        Value::Float(number) => Kind::FloatValue(*number),
        Value::Boolean(flag) => Kind::BooleanValue(*flag),
        Value::Date(micros) => Kind::DateValue(timestamp(*micros)),
        Value::Url(url) => Kind::UrlValue(url.clone()),
        Value::Array(items) => Kind::ArrayValue(types::StringList { items: items.clone() }),
        Value::Object(fields) => Kind::ObjectValue(object_to_proto(fields)),
        Value::Objects(items) => Kind::ObjectListValue(types::ObjectList {
            items: items.iter().map(object_to_proto).collect(),
        }),
    };
    types::Value { kind: Some(kind) }
}

/// A value from the wire; `None` where the message carries none that can be kept.
pub fn from_proto(value: types::Value) -> Option<Value> {
    Some(match value.kind? {
        Kind::StringValue(text) => Value::String(text),
        Kind::IntegerValue(number) => Value::Integer(number),
        Kind::FloatValue(number) => Value::Float(Some(number).filter(|number| number.is_finite())?),
        Kind::BooleanValue(flag) => Value::Boolean(flag),
        Kind::DateValue(at) => Value::Date(micros(&at)),
        Kind::UrlValue(url) => Value::Url(url),
        Kind::ArrayValue(list) => Value::Array(list.items),
        Kind::ObjectValue(object) => Value::Object(attributes_from_proto(object.fields)),
        Kind::ObjectListValue(list) => {
            let objects = list.items.into_iter();
            Value::Objects(objects.map(|object| attributes_from_proto(object.fields)).collect())
        }
    })
}

/// Attributes for the wire.
pub fn attributes_to_proto(attributes: &Attributes) -> HashMap<String, types::Value> {
    attributes
        .iter()
        .map(|(name, value)| (name.clone(), to_proto(value)))
        .collect()
}

/// Attributes from the wire, those without a value left out.
pub fn attributes_from_proto(attributes: impl IntoIterator<Item = (String, types::Value)>) -> Attributes {
    let values = attributes.into_iter();
    values
        .filter_map(|(name, value)| Some((name, from_proto(value)?)))
        .collect()
}

fn object_to_proto(fields: &Attributes) -> types::ObjectValue {
    types::ObjectValue {
        fields: attributes_to_proto(fields),
    }
}

const MICROS: i64 = 1_000_000;

/// Microseconds since the epoch as a protobuf timestamp.
fn timestamp(micros: i64) -> prost_types::Timestamp {
    let nanos = micros.rem_euclid(MICROS) * 1_000;
    prost_types::Timestamp {
        seconds: micros.div_euclid(MICROS),
        nanos: i32::try_from(nanos).expect("under a second"),
    }
}

/// A protobuf timestamp as microseconds since the epoch; finer digits are cut.
fn micros(at: &prost_types::Timestamp) -> i64 {
    at.seconds
        .saturating_mul(MICROS)
        .saturating_add(i64::from(at.nanos) / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_the_wire() {
        let nested = Attributes::from([("city".to_owned(), Value::String("Paris".to_owned()))]);
        let attributes = Attributes::from([
            ("a".to_owned(), Value::String("x".to_owned())),
            ("b".to_owned(), Value::Integer(-5)),
            ("c".to_owned(), Value::Float(5.0)),
            ("d".to_owned(), Value::Boolean(true)),
            ("e".to_owned(), Value::Date(-1)),
            ("f".to_owned(), Value::Url("https://shop.example".to_owned())),
            ("g".to_owned(), Value::Array(vec!["one".to_owned()])),
            ("h".to_owned(), Value::Object(nested.clone())),
            ("i".to_owned(), Value::Objects(vec![nested])),
        ]);
        assert_eq!(attributes_from_proto(attributes_to_proto(&attributes)), attributes);
    }
}
