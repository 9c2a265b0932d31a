//! Evaluation in process.

use std::cmp::Ordering;

use chrono::{DateTime, Datelike, NaiveDate};
use chrono_tz::Tz;

use super::ast::{CountTest, Field, Node, Operand, Order, Scalar, Source, StoredAs, Test};
use crate::{Attributes, Value, instant};

/// When, and where on earth, a query is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds since the epoch, UTC.
    pub now: i64,
    /// The profile's zone, which decides when its birthday is.
    pub timezone: Tz,
}

/// A profile, as a query sees it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Native and custom attributes.
    pub attributes: &'a Attributes,
    /// The custom id of an identified profile.
    pub custom_id: Option<&'a str>,
    /// When the query is evaluated.
    pub moment: Moment,
    /// What the query's needs came to for this profile.
    pub answers: &'a Answers,
}

/// Answers to the [`Needs`](super::Needs) of a query for one profile, at the same places. A missing answer is 0 or
/// false.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// How many events.
    pub event_counts: Vec<u64>,
    /// Whether the profile is in the segment.
    pub segments: Vec<bool>,
    /// Whether the profile's custom id is in the audience.
    pub audiences: Vec<bool>,
}

static NO_ANSWERS: Answers = Answers {
    event_counts: Vec::new(),
    segments: Vec::new(),
    audiences: Vec::new(),
};

/// What a node is evaluated on: a profile, an event or one object of an array.
pub(super) struct Scope<'a> {
    attributes: &'a Attributes,
    custom_id: Option<&'a str>,
    moment: Moment,
    answers: &'a Answers,
}

impl<'a> Scope<'a> {
    pub(super) fn of_subject(subject: &Subject<'a>) -> Self {
        Self {
            attributes: subject.attributes,
            custom_id: subject.custom_id,
            moment: subject.moment,
            answers: subject.answers,
        }
    }

    pub(super) fn of_event(attributes: &'a Attributes, moment: Moment) -> Self {
        Self {
            attributes,
            custom_id: None,
            moment,
            answers: &NO_ANSWERS,
        }
    }
}

impl Node {
    pub(super) fn holds(&self, scope: &Scope<'_>) -> bool {
        let answers = scope.answers;
        let member = |answers: &[bool], places: &[usize]| places.iter().any(|&at| answers.get(at) == Some(&true));
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(scope)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(scope)),
            Self::Not(node) => !node.holds(scope),
            Self::Test { field, test } => field.some(scope, &|seen| test.passes(seen, scope.moment)),
            Self::Event { need, count } => {
                let number = answers.event_counts.get(*need).copied().unwrap_or_default();
                count.iter().all(|test| test.passes(number))
            }
            Self::Segment(places) => member(&answers.segments, places),
            Self::Audience(places) => member(&answers.audiences, places),
        }
    }
}

/// A stored value as the operators tell types apart.
#[derive(Clone, Copy)]
enum Seen<'a> {
    Text(&'a str),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Date(i64),
    Array(&'a [String]),
    Object,
    Objects(&'a [Attributes]),
}

impl<'a> From<&'a Value> for Seen<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::String(text) | Value::Url(text) => Self::Text(text),
            Value::Integer(number) => Self::Integer(*number),
            Value::Float(number) => Self::Float(*number),
            Value::Boolean(truth) => Self::Boolean(*truth),
            Value::Date(micros) => Self::Date(*micros),
            Value::Array(items) => Self::Array(items),
            Value::Object(_) => Self::Object,
            Value::Objects(list) => Self::Objects(list),
        }
    }
}

impl Field {
    /// Whether the field is present with a value, or one of several, that passes.
    fn some(&self, scope: &Scope<'_>, passes: &dyn Fn(Seen<'_>) -> bool) -> bool {
        let path = match &self.source {
            Source::CustomId => return scope.custom_id.is_some_and(|id| passes(Seen::Text(id))),
            Source::Attribute(path) => path,
        };
        some_at(scope.attributes, path, &|value| {
            let asserted = match self.stored_as {
                StoredAs::Any => true,
                StoredAs::Date => matches!(value, Value::Date(_)),
                StoredAs::Url => matches!(value, Value::Url(_)),
            };
            asserted && passes(value.into())
        })
    }
}

fn some_at(attributes: &Attributes, path: &[String], passes: &dyn Fn(&Value) -> bool) -> bool {
    let Some((name, rest)) = path.split_first() else {
        return false;
    };
    match attributes.get(name) {
        Some(value) if rest.is_empty() => passes(value),
        Some(Value::Object(members)) => some_at(members, rest, passes),
        Some(Value::Objects(list)) => list.iter().any(|members| some_at(members, rest, passes)),
        _ => false,
    }
}

impl Test {
    fn passes(&self, seen: Seen<'_>, moment: Moment) -> bool {
        match (self, seen) {
            (Self::Exists, _) => true,
            (Self::Equals(operand), _) => operand.equals(seen, moment.now),
            (Self::In(operands), _) => operands.iter().any(|operand| operand.equals(seen, moment.now)),
            (Self::Compare(order, operand), _) => operand
                .compare(seen, moment.now)
                .is_some_and(|ordering| order.admits(ordering)),
            (Self::Contains(part), Seen::Text(text)) => text.contains(part.as_str()),
            (Self::Contains(item), Seen::Array(items)) => items.contains(item),
            (Self::ContainsAny(wanted), Seen::Array(items)) => wanted.iter().any(|item| items.contains(item)),
            (Self::ContainsAll(wanted), Seen::Array(items)) => wanted.iter().all(|item| items.contains(item)),
            (Self::StartsWith(part), Seen::Text(text)) => text.starts_with(part.as_str()),
            (Self::EndsWith(part), Seen::Text(text)) => text.ends_with(part.as_str()),
            (Self::Age(order, span), Seen::Date(date)) => {
                date <= moment.now && order.admits(span.before(moment.now).cmp(&date))
            }
            (Self::Birthday, Seen::Date(date)) => is_birthday(date, moment),
            (Self::ElementMatches(query), Seen::Objects(list)) => list
                .iter()
                .any(|element| query.holds(&Scope::of_event(element, moment))),
            _ => false,
        }
    }
}

impl Operand {
    fn equals(&self, seen: Seen<'_>, now: i64) -> bool {
        match (seen, &self.scalar) {
            (Seen::Text(text), Scalar::String(wanted)) => text == wanted,
            (Seen::Array(items), Scalar::String(wanted)) => items.contains(wanted),
            (Seen::Boolean(truth), Scalar::Boolean(wanted)) => truth == *wanted,
            _ => self.compare(seen, now) == Some(Ordering::Equal),
        }
    }

    /// The stored value's order to the operand, among numbers and among dates.
    fn compare(&self, seen: Seen<'_>, now: i64) -> Option<Ordering> {
        match (seen, &self.scalar) {
            (Seen::Date(date), _) => self.instant.map(|instant| date.cmp(&instant.at(now))),
            (Seen::Integer(number), Scalar::Integer(other)) => Some(number.cmp(other)),
            (Seen::Integer(number), Scalar::Float(other)) => compare_exactly(number, *other),
            (Seen::Float(number), Scalar::Integer(other)) => compare_exactly(*other, number).map(Ordering::reverse),
            (Seen::Float(number), Scalar::Float(other)) => number.partial_cmp(other),
            _ => None,
        }
    }
}

/// Compares without rounding the integer, as both stores do: 2^53 + 1 is not 2^53.
fn compare_exactly(integer: i64, float: f64) -> Option<Ordering> {
    /// 2^63, the first float above every `i64`.
    const ABOVE: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        None
    } else if float >= ABOVE {
        Some(Ordering::Less)
    } else if float < -ABOVE {
        Some(Ordering::Greater)
    } else {
        #[expect(clippy::cast_possible_truncation, reason = "whole and between the bounds of an i64")]
        let whole = float.trunc() as i64;
        Some(integer.cmp(&whole).then(0.0_f64.partial_cmp(&float.fract())?))
    }
}

impl Order {
    fn admits(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl CountTest {
    fn passes(self, number: u64) -> bool {
        match self {
            Self::Equals(wanted) => number == wanted,
            Self::Differs(other) => number != other,
            Self::Compare(order, other) => order.admits(number.cmp(&other)),
        }
    }
}

/// The date of birth is a calendar day, kept as its midnight in UTC; only today depends on where the person is.
fn is_birthday(date: i64, moment: Moment) -> bool {
    let Some(born) = DateTime::from_timestamp_micros(date) else {
        return false;
    };
    let today = instant::to_utc(moment.now).with_timezone(&moment.timezone).date_naive();
    let celebrated = NaiveDate::from_ymd_opt(today.year(), born.month(), born.day())
        .or_else(|| NaiveDate::from_ymd_opt(today.year(), 2, 28));
    celebrated == Some(today)
}
