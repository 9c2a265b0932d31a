//! The filters. A missing value passes through all of them but `default`.

#![expect(clippy::needless_pass_by_value, reason = "the engine hands arguments over by value")]

use minijinja::{
    Environment, Error,
    value::{Kwargs, Value, ValueKind},
};

use super::{
    date,
    engine::print,
    operators::{Instant, Number, is_missing, wrong},
};

/// Every filter of the language, for the message about one that does not exist.
pub(super) const NAMES: [&str; 20] = [
    "abs",
    "append",
    "capitalize",
    "ceil",
    "contains",
    "date",
    "default",
    "first",
    "floor",
    "formatdate",
    "join",
    "last",
    "lower",
    "prepend",
    "raw",
    "round",
    "size",
    "title",
    "upper",
    "trim",
];

pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_filter("default", |value: Value, other: Value| {
        if is_missing(&value) || value.as_str() == Some("") {
            other
        } else {
            value
        }
    });
    text(environment, "lower", str::to_lowercase);
    text(environment, "upper", str::to_uppercase);
    text(environment, "capitalize", capitalize);
    text(environment, "title", title);
    text(environment, "trim", |text| text.trim().to_owned());
    environment.add_filter("append", |value: Value, other: Value| joined(&value, &value, &other));
    environment.add_filter("prepend", |value: Value, other: Value| joined(&value, &other, &value));
    environment.add_filter("raw", |value: Value| {
        present(value, |it| Ok(Value::from_safe_string(print(it))))
    });
    number(environment, "abs", i64::checked_abs, f64::abs);
    number(environment, "ceil", Some, f64::ceil);
    number(environment, "floor", Some, f64::floor);
    environment.add_filter("round", round);
    environment.add_filter("join", join);
    environment.add_filter("first", |value: Value| {
        present(value, |it| Ok(list(it)?.into_iter().next().unwrap_or_default()))
    });
    environment.add_filter("last", |value: Value| {
        present(value, |it| Ok(list(it)?.pop().unwrap_or_default()))
    });
    environment.add_filter("size", |value: Value| present(value, size));
    environment.add_filter("contains", contains);
    environment.add_filter("date", |value: Value| {
        present(value, |it| match it.as_str() {
            Some(text) => {
                Ok(chappe_query::parse_instant(text).map_or(Value::UNDEFINED, |at| Value::from_object(Instant(at))))
            }
            None if super::operators::instant(it).is_some() => Ok(it.clone()),
            None => Err(wrong("date is for a text")),
        })
    });
    environment.add_filter("formatdate", date::format);
}

/// Missing stays missing.
pub(super) fn present(value: Value, then: impl FnOnce(&Value) -> Result<Value, Error>) -> Result<Value, Error> {
    if is_missing(&value) {
        Ok(Value::UNDEFINED)
    } else {
        then(&value)
    }
}

fn text(environment: &mut Environment<'static>, name: &'static str, change: fn(&str) -> String) {
    environment.add_filter(name, move |value: Value| {
        present(value, |it| match it.as_str() {
            Some(text) => Ok(Value::from(change(text))),
            None => Err(wrong(format!("{name} is for a text"))),
        })
    });
}

fn number(
    environment: &mut Environment<'static>,
    name: &'static str,
    whole: fn(i64) -> Option<i64>,
    broken: fn(f64) -> f64,
) {
    environment.add_filter(name, move |value: Value| {
        present(value, |it| {
            let number = Number::of(it)?;
            let kept = match number {
                Number::Whole(number) => whole(number),
                Number::Broken(_) => None,
            };
            Ok(kept.map_or_else(|| Value::from(broken(number.as_f64())), Value::from))
        })
    });
}

/// Half away from zero.
fn round(value: Value, digits: Option<i64>) -> Result<Value, Error> {
    present(value, |it| {
        let number = Number::of(it)?;
        let Number::Broken(number) = number else {
            return Ok(it.clone());
        };
        let digits = i32::try_from(digits.unwrap_or(0)).unwrap_or(15).clamp(0, 15);
        let scale = 10_f64.powi(digits);
        Ok(Value::from((number * scale).round() / scale))
    })
}

fn join(value: Value, separator: Option<String>, named: Kwargs) -> Result<Value, Error> {
    let named_separator = named.get::<Option<String>>("separator")?;
    named.assert_all_used()?;
    let separator = separator.or(named_separator).unwrap_or_else(|| ", ".to_owned());
    present(value, |it| {
        let items: Vec<_> = list(it)?.iter().map(print).collect();
        Ok(Value::from(items.join(&separator)))
    })
}

fn contains(value: Value, wanted: Value) -> Result<Value, Error> {
    present(value, |it| match it.as_str() {
        Some(text) => Ok(Value::from(wanted.as_str().is_some_and(|wanted| text.contains(wanted)))),
        None => Ok(Value::from(list(it)?.contains(&wanted))),
    })
}

fn size(value: &Value) -> Result<Value, Error> {
    match value.as_str() {
        Some(text) => Ok(Value::from(text.chars().count())),
        None => Ok(Value::from(list(value)?.len())),
    }
}

fn joined(value: &Value, left: &Value, right: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Value::UNDEFINED),
        ValueKind::String | ValueKind::Number => Ok(Value::from(print(left) + &print(right))),
        _ => Err(wrong("append and prepend are for a text or a number")),
    }
}

fn list(value: &Value) -> Result<Vec<Value>, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => Ok(value.try_iter()?.collect()),
        _ => Err(wrong("this filter is for a list")),
    }
}

/// The first letter upper, the rest untouched.
fn capitalize(text: &str) -> String {
    let mut rest = text.chars();
    rest.next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// Of each word the first letter upper, the rest lower.
fn title(text: &str) -> String {
    let mut in_word = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if in_word {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        in_word = c.is_alphanumeric() || (in_word && c == '\'');
    }
    out
}
