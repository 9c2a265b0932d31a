//! A cell as an attribute value.

use std::str::FromStr;

use chappe_query::{format_instant, instant_from_epoch, parse_instant};
use serde_json::{Number, Value as Json};

/// Longest URL, in characters.
const MAX_URL: usize = 2048;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Each cell is typed by its look.
    Look,
    String,
    Int,
    Float,
    Bool,
    Date,
    Url,
}

/// The word in a header is not a type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnknownType;

impl FromStr for Type {
    type Err = UnknownType;

    fn from_str(word: &str) -> Result<Self, UnknownType> {
        Ok(match word {
            "string" => Self::String,
            "int" => Self::Int,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "date" => Self::Date,
            "url" => Self::Url,
            _ => return Err(UnknownType),
        })
    }
}

/// The member of `attributes` that a cell stands for, under the key REST wants for its type. A blank cell is
/// an absent attribute.
pub(super) fn read(kind: Type, name: &str, cell: &str) -> Result<Option<(String, Json)>, &'static str> {
    let text = cell.trim_ascii();
    if text.is_empty() {
        return Ok(None);
    }
    let plain = |value: Json| (name.to_owned(), value);
    let date = |micros| (format!("date({name})"), Json::from(format_instant(micros)));
    let url = |text: &str| (format!("url({name})"), Json::from(text));
    let member = match kind {
        Type::Look => match look(text) {
            Some(Looks::Plain(value)) => plain(value),
            Some(Looks::Date(micros)) => date(micros),
            Some(Looks::Url) => url(text),
            None => plain(Json::from(cell)),
        },
        Type::String => plain(Json::from(cell)),
        Type::Int => plain(Json::from(text.parse::<i64>().map_err(|_| "is not an integer")?)),
        Type::Float => plain(float(text).ok_or("is not a number")?),
        Type::Bool => plain(Json::from(boolean(text).ok_or("is neither true nor false")?)),
        Type::Date => date(instant(text).ok_or("is not a date")?),
        Type::Url => is_url(text).then(|| url(text)).ok_or("is not a URL")?,
    };
    Ok(Some(member))
}

enum Looks {
    Plain(Json),
    Date(i64),
    Url,
}

/// Numbers look as in JSON, so that `007` and `+33…` stay text, as does an integer beyond 64 bits.
fn look(text: &str) -> Option<Looks> {
    if let Ok(number) = Number::from_str(text) {
        let written_as_float = text.contains(['.', 'e', 'E']);
        return (number.is_i64() || written_as_float).then(|| Looks::Plain(Json::Number(number)));
    }
    let word = |word: &str| text.eq_ignore_ascii_case(word);
    if word("true") || word("false") {
        return Some(Looks::Plain(Json::Bool(word("true"))));
    }
    if let Some(micros) = parse_instant(text) {
        return Some(Looks::Date(micros));
    }
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    (matches!(scheme.as_deref(), Some("http" | "https")) && is_url(text)).then_some(Looks::Url)
}

fn float(text: &str) -> Option<Json> {
    Number::from_f64(text.parse().ok()?).map(Json::Number)
}

fn boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 2]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["true", "1"]) {
        Some(true)
    } else if is(["false", "0"]) {
        Some(false)
    } else {
        None
    }
}

fn instant(text: &str) -> Option<i64> {
    parse_instant(text).or_else(|| instant_from_epoch(text.parse().ok()?))
}

/// A scheme and an authority (RFC 3986 §3), nothing invisible.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let clean = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && !authority.is_empty()
        && clean
        && text.chars().count() <= MAX_URL
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn looked(cell: &str) -> Json {
        let member = read(Type::Look, "a", cell).unwrap();
        member.map_or(Json::Null, |(key, value)| json!({ key: value }))
    }

    #[test]
    fn a_cell_is_typed_by_its_look() {
        let cases = [
            ("5", json!({"a": 5})),
            (" -5 ", json!({"a": -5})),
            ("5.0", json!({"a": 5.0})),
            ("1e3", json!({"a": 1000.0})),
            ("TRUE", json!({"a": true})),
            ("false", json!({"a": false})),
            ("2020-02-29", json!({"date(a)": "2020-02-29T00:00:00Z"})),
            ("2020-02-29T12:00:00+02:00", json!({"date(a)": "2020-02-29T10:00:00Z"})),
            (
                "https://shop.example/a?b",
                json!({"url(a)": "https://shop.example/a?b"}),
            ),
            ("", Json::Null),
            (" \t", Json::Null),
        ];
        for (cell, expected) in cases {
            assert_eq!(looked(cell), expected, "{cell:?}");
        }
    }

    #[test]
    fn what_only_resembles_a_type_stays_text() {
        let texts = [
            "007",
            "+33639981337",
            "9223372036854775808",
            "1,5",
            "NaN",
            "inf",
            "1e999",
            "yes",
            "2020-02-30",
        ];
        for text in texts
            .into_iter()
            .chain(["20200229", "http://", "https://a b", "ftp://a.example", " padded "])
        {
            let expected = if text == "20200229" {
                json!({"a": 20_200_229})
            } else {
                json!({ "a": text })
            };
            assert_eq!(looked(text), expected);
        }
    }

    #[test]
    fn a_typed_column_takes_nothing_else() {
        let typed = |word: &str, cell: &str| read(word.parse().unwrap(), "a", cell).map(|member| member.unwrap());
        assert_eq!(typed("string", "5").unwrap(), ("a".to_owned(), json!("5")));
        assert_eq!(typed("float", "5").unwrap(), ("a".to_owned(), json!(5.0)));
        assert_eq!(typed("int", "007").unwrap(), ("a".to_owned(), json!(7)));
        assert_eq!(typed("bool", "1").unwrap(), ("a".to_owned(), json!(true)));
        assert_eq!(
            typed("date", "86400").unwrap(),
            ("date(a)".to_owned(), json!("1970-01-02T00:00:00Z"))
        );
        assert_eq!(
            typed("url", "app://open").unwrap(),
            ("url(a)".to_owned(), json!("app://open"))
        );
        let refused = [
            ("int", "5.0"),
            ("float", "inf"),
            ("float", "x"),
            ("bool", "yes"),
            ("date", "today"),
            ("url", "a.example"),
        ];
        for (word, cell) in refused {
            assert!(typed(word, cell).is_err(), "{word} {cell}");
        }
        assert_eq!("money".parse::<Type>(), Err(UnknownType));
    }

    proptest! {
        #[test]
        fn any_cell_is_absent_or_one_value(cell in "\\PC{0,40}") {
            let member = read(Type::Look, "a", &cell).unwrap();
            prop_assert_eq!(member.is_none(), cell.trim_ascii().is_empty());
        }

        #[test]
        fn cells_near_a_type_are_read_too(cell in "[-+0-9.eETZ:/htpsfalru ]{1,30}") {
            for word in ["string", "int", "float", "bool", "date", "url"] {
                // Refusing is fine; the point is that nothing panics and nothing refused is typed by look.
                drop(read(word.parse().unwrap(), "a", &cell));
            }
            prop_assert!(read(Type::Look, "a", &cell).is_ok());
        }
    }
}
