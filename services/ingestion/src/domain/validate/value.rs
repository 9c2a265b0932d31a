//! Values that profiles and events share.

use chappe_proto::types::{RawValue, raw_value::Kind};
use chappe_query::{Value, instant_from_epoch, parse_instant};

use crate::domain::reason::Reason;

/// Longest string, in characters.
const MAX_STRING: usize = 300;
/// Longest URL, in characters.
const MAX_URL: usize = 2048;

/// A string of 1 to 300 characters with something to read in it.
pub(super) fn text(text: String, reason: Reason) -> Result<String, Reason> {
    let fits = text.chars().count() <= MAX_STRING && !text.trim().is_empty() && !text.contains('\0');
    if fits { Ok(text) } else { Err(reason) }
}

/// What `date(…)` wraps: RFC 3339 with its shorter forms, or an epoch.
pub(super) fn date(kind: Kind) -> Result<Value, Reason> {
    let micros = match kind {
        Kind::StringValue(text) => parse_instant(&text),
        Kind::IntValue(epoch) => instant_from_epoch(epoch),
        _ => None,
    };
    micros.map(Value::Date).ok_or(Reason::Date)
}

/// What `url(…)` wraps: at most 2048 characters with a scheme and an authority (RFC 3986 §3).
pub(super) fn url(kind: Kind) -> Result<Value, Reason> {
    let Kind::StringValue(text) = kind else {
        return Err(Reason::Url);
    };
    let (scheme, rest) = text.split_once("://").ok_or(Reason::Url)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let clean = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if scheme_ok && !authority.is_empty() && clean && text.chars().count() <= MAX_URL {
        Ok(Value::Url(text))
    } else {
        Err(Reason::Url)
    }
}

/// A number, a boolean or a string; `None` for arrays and objects.
pub(super) fn scalar(kind: &Kind) -> Option<Result<Value, Reason>> {
    Some(match kind {
        Kind::BoolValue(flag) => Ok(Value::Boolean(*flag)),
        Kind::IntValue(number) => Ok(Value::Integer(*number)),
        Kind::DoubleValue(number) if number.is_finite() => Ok(Value::Float(*number)),
        Kind::DoubleValue(_) => Err(Reason::ValueType),
        Kind::StringValue(string) => text(string.clone(), Reason::StringLength).map(Value::String),
        Kind::ListValue(_) | Kind::ObjectValue(_) => return None,
    })
}

/// The strings of an array, or `None` when it holds anything else.
pub(super) fn strings(items: Vec<RawValue>) -> Option<Vec<String>> {
    let string = |item: RawValue| match item.kind {
        Some(Kind::StringValue(string)) => Some(string),
        _ => None,
    };
    items.into_iter().map(string).collect()
}
