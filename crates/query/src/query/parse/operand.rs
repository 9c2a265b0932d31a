//! Operands of operators.

use serde_json::Value as Json;

use super::Place;
use crate::{
    CalendarSpan, instant_from_epoch,
    query::{
        Fault, MAX_LIST_VALUES,
        ast::{Instant, Operand, Order, Scalar, StoredAs},
    },
};

pub(super) fn order(operator: &str) -> Option<Order> {
    match operator {
        "$lt" => Some(Order::Less),
        "$lte" => Some(Order::LessOrEqual),
        "$gt" => Some(Order::Greater),
        "$gte" => Some(Order::GreaterOrEqual),
        _ => None,
    }
}

/// Any scalar; on a field that asserts a date, one that is a date.
pub(super) fn scalar(place: &Place, json: &Json, stored_as: StoredAs) -> Result<Operand, Fault> {
    let (scalar, instant) = match json {
        Json::String(text) => (Scalar::String(text.clone()), Instant::parse(text)),
        Json::Bool(truth) => (Scalar::Boolean(*truth), None),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => (Scalar::Integer(integer), instant_from_epoch(integer).map(Instant::At)),
            (None, Some(float)) => (Scalar::Float(float), None),
            (None, None) => return Err(place.fault("the number is too large")),
        },
        Json::Null | Json::Array(_) | Json::Object(_) => {
            return Err(place.fault("a string, number or boolean is expected"));
        }
    };
    if stored_as == StoredAs::Date && instant.is_none() {
        return Err(place.fault("a date is expected: RFC 3339, YYYY-MM-DD, an integer epoch, or now with an offset"));
    }
    Ok(Operand { scalar, instant })
}

/// What has an order: a number or a date.
pub(super) fn comparable(place: &Place, json: &Json, stored_as: StoredAs) -> Result<Operand, Fault> {
    let operand = scalar(place, json, stored_as)?;
    match operand.scalar {
        Scalar::Integer(_) | Scalar::Float(_) => Ok(operand),
        _ if operand.instant.is_some() => Ok(operand),
        _ => Err(place.fault("a number or a date is expected")),
    }
}

pub(super) fn string(place: &Place, json: &Json) -> Result<String, Fault> {
    let text = json.as_str().ok_or_else(|| place.fault("a string is expected"))?;
    Ok(text.to_owned())
}

pub(super) fn non_empty_string(place: &Place, json: &Json) -> Result<String, Fault> {
    let text = json.as_str().filter(|text| !text.is_empty());
    Ok(text
        .ok_or_else(|| place.fault("a string that is not empty is expected"))?
        .to_owned())
}

pub(super) fn boolean(place: &Place, json: &Json) -> Result<bool, Fault> {
    json.as_bool().ok_or_else(|| place.fault("true or false is expected"))
}

pub(super) fn span(place: &Place, json: &Json) -> Result<CalendarSpan, Fault> {
    let span = json.as_str().and_then(|text| text.parse().ok());
    span.ok_or_else(|| place.fault("a length of time is expected: a whole number and m, h, d, w, mo or y, such as 30d"))
}

/// A list of 1 to [`MAX_LIST_VALUES`] items.
pub(super) fn list<T>(
    place: &Place,
    json: &Json,
    item: impl Fn(&Place, &Json) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let items = json
        .as_array()
        .filter(|items| (1..=MAX_LIST_VALUES).contains(&items.len()));
    let items = items.ok_or_else(|| place.fault(format!("a list of 1 to {MAX_LIST_VALUES} values is expected")))?;
    let numbered = items.iter().enumerate();
    numbered.map(|(index, json)| item(&place.index(index), json)).collect()
}
