//! The stored form of a value; the table is on [`Value`].

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
    ser::{Error as _, SerializeMap},
};

use super::Value;

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Boolean(truth) => serializer.serialize_bool(*truth),
            Self::Array(items) => items.serialize(serializer),
            Self::Float(number) if number.is_finite() => tagged(serializer, "f", number),
            Self::Float(_) => Err(S::Error::custom("a float must be finite")),
            Self::Date(micros) => tagged(serializer, "d", micros),
            Self::Url(text) => tagged(serializer, "u", text),
            Self::Object(attributes) => tagged(serializer, "o", attributes),
            Self::Objects(list) => tagged(serializer, "l", list),
        }
    }
}

fn tagged<S: Serializer>(serializer: S, tag: &str, content: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(tag, content)?;
    map.end()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stored attribute value")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_bool<E: serde::de::Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Boolean(truth))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number)
            .map(Value::Integer)
            .map_err(|_| E::custom("an integer must fit 64 bits with a sign"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::with_capacity(sequence.size_hint().unwrap_or_default());
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let tag: String = map
            .next_key()?
            .ok_or_else(|| A::Error::custom("a tagged value has one key"))?;
        let value = match tag.as_str() {
            "f" => Value::Float(map.next_value()?),
            "d" => Value::Date(map.next_value()?),
            "u" => Value::Url(map.next_value()?),
            "o" => Value::Object(map.next_value()?),
            "l" => Value::Objects(map.next_value()?),
            _ => return Err(A::Error::custom("the tag of a value is f, d, u, o or l")),
        };
        match map.next_key::<String>()? {
            None => Ok(value),
            Some(_) => Err(A::Error::custom("a tagged value has one key")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};
    use serde_json::json;

    use super::*;
    use crate::value::Attributes;

    fn any_value() -> impl Strategy<Value = Value> {
        let plain = prop_oneof![
            any::<String>().prop_map(Value::String),
            any::<i64>().prop_map(Value::Integer),
            any::<bool>().prop_map(Value::Boolean),
            any::<i64>().prop_map(Value::Date),
            any::<String>().prop_map(Value::Url),
            collection::vec(any::<String>(), 0..4).prop_map(Value::Array),
            prop::num::f64::NORMAL.prop_map(Value::Float),
        ];
        plain.prop_recursive(3, 12, 3, |inner| {
            let attributes = collection::btree_map("[a-z]{1,3}", inner, 0..3);
            prop_oneof![
                attributes.clone().prop_map(Value::Object),
                collection::vec(attributes, 0..3).prop_map(Value::Objects),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_back(value in any_value()) {
            let stored = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&stored).unwrap(), value);
        }
    }

    #[test]
    fn the_stored_form_is_the_documented_one() {
        let attributes = Attributes::from([
            ("array".to_owned(), Value::Array(vec!["a".to_owned()])),
            ("boolean".to_owned(), Value::Boolean(true)),
            ("date".to_owned(), Value::Date(7)),
            ("float".to_owned(), Value::Float(5.0)),
            ("integer".to_owned(), Value::Integer(5)),
            ("list".to_owned(), Value::Objects(vec![Attributes::new()])),
            ("object".to_owned(), Value::Object(Attributes::new())),
            ("string".to_owned(), Value::String("x".to_owned())),
            ("url".to_owned(), Value::Url("https://a.example".to_owned())),
        ]);
        let text = concat!(
            r#"{"array":["a"],"boolean":true,"date":{"d":7},"float":{"f":5.0},"integer":5,"list":{"l":[{}]},"#,
            r#""object":{"o":{}},"string":"x","url":{"u":"https://a.example"}}"#
        );
        assert_eq!(serde_json::to_string(&attributes).unwrap(), text);
        assert_eq!(serde_json::from_str::<Attributes>(text).unwrap(), attributes);
    }

    #[test]
    fn a_float_that_lost_its_fraction_in_the_store_is_still_a_float() {
        assert_eq!(
            serde_json::from_value::<Value>(json!({"f": 5})).unwrap(),
            Value::Float(5.0)
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for json in [
            json!(null),
            json!(5.5),
            json!(u64::MAX),
            json!({}),
            json!({"x": 1}),
            json!({"f": 1.0, "d": 1}),
            json!([1]),
        ] {
            assert!(serde_json::from_value::<Value>(json.clone()).is_err(), "{json}");
        }
        assert!(serde_json::to_value(Value::Float(f64::NAN)).is_err());
    }
}
