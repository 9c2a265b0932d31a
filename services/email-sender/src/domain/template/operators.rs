//! What the operators make of values, missing ones included.

use std::{cmp::Ordering, fmt, sync::Arc};

use chappe_query::{format_instant, parse_instant};
use minijinja::{
    Environment, Error, ErrorKind,
    value::{Object, ObjectRepr, Value, ValueKind},
};

/// A date: microseconds since the epoch.
#[derive(Debug)]
pub(super) struct Instant(pub(super) i64);

impl Object for Instant {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_instant(self.0))
    }
}

/// The instant that a value is, if it is one.
pub(super) fn instant(value: &Value) -> Option<i64> {
    value.downcast_object_ref::<Instant>().map(|instant| instant.0)
}

pub(super) fn is_missing(value: &Value) -> bool {
    value.is_undefined() || value.is_none()
}

pub(super) fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.into())
}

/// A number, whole as long as it can be.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Whole(i64),
    Broken(f64),
}

impl Number {
    pub(super) fn of(value: &Value) -> Result<Self, Error> {
        if value.kind() != ValueKind::Number {
            return Err(wrong("a number is expected"));
        }
        match value.as_i64().filter(|_| value.is_integer()) {
            Some(whole) => Ok(Self::Whole(whole)),
            None => f64::try_from(value.clone()).map(Self::Broken),
        }
    }

    pub(super) fn as_f64(self) -> f64 {
        match self {
            #[expect(
                clippy::cast_precision_loss,
                reason = "beyond 2^53 a mail does not need the last digits"
            )]
            Self::Whole(whole) => whole as f64,
            Self::Broken(number) => number,
        }
    }
}

pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_function("F_eq", |a: Value, b: Value| equal(&a, &b));
    environment.add_function("F_ne", |a: Value, b: Value| !equal(&a, &b));
    environment.add_function("F_lt", |a: Value, b: Value| order(&a, &b).is_some_and(Ordering::is_lt));
    environment.add_function("F_le", |a: Value, b: Value| order(&a, &b).is_some_and(Ordering::is_le));
    environment.add_function("F_gt", |a: Value, b: Value| order(&a, &b).is_some_and(Ordering::is_gt));
    environment.add_function("F_ge", |a: Value, b: Value| order(&a, &b).is_some_and(Ordering::is_ge));
    environment.add_function("F_add", |a: Value, b: Value| {
        calculate(&a, &b, i64::checked_add, |a, b| a + b)
    });
    environment.add_function("F_sub", |a: Value, b: Value| {
        calculate(&a, &b, i64::checked_sub, |a, b| a - b)
    });
    environment.add_function("F_mul", |a: Value, b: Value| {
        calculate(&a, &b, i64::checked_mul, |a, b| a * b)
    });
    environment.add_function("F_div", |a: Value, b: Value| {
        let whole = |a: i64, b: i64| (b != 0 && a % b == 0).then(|| a / b);
        calculate(&a, &b, whole, |a, b| a / b)
    });
    environment.add_function("F_rem", |a: Value, b: Value| {
        calculate(&a, &b, i64::checked_rem, |a, b| a % b)
    });
    environment.add_function("F_neg", |a: Value| {
        calculate(&Value::from(0), &a, i64::checked_sub, |a, b| a - b)
    });
    environment.add_function("F_items", items);
}

/// A missing value equals `null` and nothing else.
fn equal(a: &Value, b: &Value) -> bool {
    match (is_missing(a), is_missing(b)) {
        (true, true) => a.is_none() || b.is_none(),
        (false, false) => order(a, b).map_or_else(|| a == b, Ordering::is_eq),
        _ => false,
    }
}

/// Only like is compared with like; a date also with the text of one.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    let date = |value: &Value| instant(value).or_else(|| value.as_str().and_then(parse_instant));
    if instant(a).is_some() || instant(b).is_some() {
        return Some(date(a)?.cmp(&date(b)?));
    }
    match (a.kind(), b.kind()) {
        (ValueKind::Number, ValueKind::Number) => match (Number::of(a).ok()?, Number::of(b).ok()?) {
            (Number::Whole(a), Number::Whole(b)) => Some(a.cmp(&b)),
            (a, b) => a.as_f64().partial_cmp(&b.as_f64()),
        },
        (ValueKind::String, ValueKind::String) => a.as_str()?.partial_cmp(b.as_str()?),
        _ => None,
    }
}

/// Whole numbers stay whole while the result is; with a missing value the result is missing.
fn calculate(
    a: &Value,
    b: &Value,
    whole: impl Fn(i64, i64) -> Option<i64>,
    broken: impl Fn(f64, f64) -> f64,
) -> Result<Value, Error> {
    if is_missing(a) || is_missing(b) {
        return Ok(Value::UNDEFINED);
    }
    let (a, b) = (Number::of(a)?, Number::of(b)?);
    if let (Number::Whole(a), Number::Whole(b)) = (a, b)
        && let Some(result) = whole(a, b)
    {
        return Ok(Value::from(result));
    }
    let result = broken(a.as_f64(), b.as_f64());
    if result.is_finite() {
        Ok(Value::from(result))
    } else {
        Err(wrong("a division by zero, or a number that is too large"))
    }
}

/// What a loop goes over; nothing where the list is missing.
fn items(list: Value) -> Result<Value, Error> {
    match list.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Value::from_iter(Vec::<Value>::new())),
        ValueKind::Seq | ValueKind::Iterable => Ok(list),
        _ => Err(wrong("a for loop goes over a list")),
    }
}
