//! Typed attribute values.

mod encoding;

use std::collections::BTreeMap;

use crate::instant::format_instant;

/// Attributes by name: custom names folded, native ones with their `$`.
pub type Attributes = BTreeMap<String, Value>;

/// The value of an attribute of a profile, of an audience or of an event.
///
/// A profile never holds the last two variants; they are for events alone.
///
/// Serialised it is self-describing JSON that both stores keep without loss: strings, integers, booleans and
/// arrays of strings as they are, and every other type under a one-letter key, since `jsonb` does not
/// tell `5.0` from `5`:
///
/// | type | JSON |
/// |---|---|
/// | string, integer, boolean, array | `"x"`, `5`, `true`, `["a"]` |
/// | float | `{"f":5.0}` |
/// | date | `{"d":1700000000000000}` |
/// | URL | `{"u":"https://shop.example"}` |
/// | object | `{"o":{"city":"Paris"}}` |
/// | array of objects | `{"l":[{"name":"Basic Tee"}]}` |
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// Any other number; finite.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// An instant: microseconds since the epoch, UTC.
    Date(i64),
    /// An absolute URL, as it was sent.
    Url(String),
    /// Strings in order; without repeats on a profile.
    Array(Vec<String>),
    /// Named values.
    Object(Attributes),
    /// A list of objects.
    Objects(Vec<Attributes>),
}

impl Value {
    /// Plain JSON for people and exports: dates as RFC 3339 in UTC, floats as numbers, URLs as strings.
    pub fn render_json(&self) -> serde_json::Value {
        let render = |attributes: &Attributes| {
            let pairs = attributes
                .iter()
                .map(|(name, value)| (name.clone(), value.render_json()));
            serde_json::Value::Object(pairs.collect())
        };
        match self {
            Self::String(text) | Self::Url(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Boolean(truth) => (*truth).into(),
            Self::Date(micros) => format_instant(*micros).into(),
            Self::Array(items) => items.as_slice().into(),
            Self::Object(attributes) => render(attributes),
            Self::Objects(list) => list.iter().map(render).collect(),
        }
    }

    /// The text of a string or URL.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Url(text) => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_read_plain_json() {
        let item = Attributes::from([("price".to_owned(), Value::Float(5.0))]);
        let value = Value::Object(Attributes::from([
            ("when".to_owned(), Value::Date(86_400_000_000)),
            ("link".to_owned(), Value::Url("https://shop.example".to_owned())),
            ("items".to_owned(), Value::Objects(vec![item])),
            ("tags".to_owned(), Value::Array(vec!["a".to_owned()])),
            ("qty".to_owned(), Value::Integer(5)),
            ("gift".to_owned(), Value::Boolean(false)),
        ]));
        assert_eq!(
            value.render_json(),
            json!({"when": "1970-01-02T00:00:00Z", "link": "https://shop.example", "items": [{"price": 5.0}],
                   "tags": ["a"], "qty": 5, "gift": false})
        );
    }
}
