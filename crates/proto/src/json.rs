//! JSON as protobuf and back.

use std::fmt;

use prost_types::{ListValue, Struct, Value as ProtoValue, value::Kind};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

use crate::types::{RawField, RawList, RawObject, RawValue, raw_value};

/// A JSON object as a `google.protobuf.Struct`. Numbers become doubles, as that type has no other.
pub fn to_struct(object: &Map<String, Json>) -> Struct {
    Struct {
        fields: object
            .iter()
            .map(|(key, value)| (key.clone(), to_value(value)))
            .collect(),
    }
}

fn to_value(json: &Json) -> ProtoValue {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or(f64::NAN)),
        Json::String(value) => Kind::StringValue(value.clone()),
        Json::Array(items) => Kind::ListValue(ListValue {
            values: items.iter().map(to_value).collect(),
        }),
        Json::Object(object) => Kind::StructValue(to_struct(object)),
    };
    ProtoValue { kind: Some(kind) }
}

/// A `google.protobuf.Struct` as a JSON object, keys sorted. Whole numbers that a double holds exactly
/// come back as integers.
pub fn from_struct(object: &Struct) -> Map<String, Json> {
    object
        .fields
        .iter()
        .map(|(key, value)| (key.clone(), from_value(value)))
        .collect()
}

fn from_value(value: &ProtoValue) -> Json {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(*value),
        Some(Kind::NumberValue(value)) => number(*value),
        Some(Kind::StringValue(value)) => Json::String(value.clone()),
        Some(Kind::ListValue(list)) => Json::Array(list.values.iter().map(from_value).collect()),
        Some(Kind::StructValue(object)) => Json::Object(from_struct(object)),
    }
}

fn number(value: f64) -> Json {
    /// Up to here every whole number has its own double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, as just checked")]
        return Json::Number(Number::from(value as i64));
    }
    Number::from_f64(value).map_or(Json::Null, Json::Number)
}

/// Reads JSON straight into the wire type: document order is kept and 5 stays different from 5.0.
impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<RawValue, E> {
        Ok(RawValue { kind: None })
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<RawValue, E> {
        Ok(raw(raw_value::Kind::BoolValue(value)))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<RawValue, E> {
        Ok(raw(raw_value::Kind::IntValue(value)))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<RawValue, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "beyond 64 bits signed it is refused later, by its type"
        )]
        let kind = i64::try_from(value).map_or(raw_value::Kind::DoubleValue(value as f64), raw_value::Kind::IntValue);
        Ok(raw(kind))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<RawValue, E> {
        Ok(raw(raw_value::Kind::DoubleValue(value)))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<RawValue, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<RawValue, E> {
        Ok(raw(raw_value::Kind::StringValue(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(raw(raw_value::Kind::ListValue(RawList { items })))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawValue, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, value)) = map.next_entry()? {
            fields.push(RawField {
                key,
                value: Some(value),
            });
        }
        Ok(raw(raw_value::Kind::ObjectValue(RawObject { fields })))
    }
}

fn raw(kind: raw_value::Kind) -> RawValue {
    RawValue { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_order_and_number_types_are_kept() {
        let read: RawValue = serde_json::from_str(r#"{"Foo":5,"foo":5.0,"date(foo)":null}"#).unwrap();
        let Some(raw_value::Kind::ObjectValue(object)) = read.kind else {
            panic!("an object")
        };
        let keys: Vec<_> = object.fields.iter().map(|field| field.key.as_str()).collect();
        assert_eq!(keys, ["Foo", "foo", "date(foo)"]);
        let kinds: Vec<_> = object
            .fields
            .into_iter()
            .map(|field| field.value.and_then(|value| value.kind))
            .collect();
        assert_eq!(
            kinds,
            [
                Some(raw_value::Kind::IntValue(5)),
                Some(raw_value::Kind::DoubleValue(5.0)),
                None
            ]
        );
    }

    #[test]
    fn a_spec_survives_as_a_struct() {
        let spec = serde_json::json!({"steps": [{"delay": "10m"}], "entry": {"maxEntries": 3}, "ratio": 0.5});
        let object = spec.as_object().unwrap();
        assert_eq!(Json::Object(from_struct(&to_struct(object))), spec);
    }
}
