//! The parsed form of queries.

use super::{DEFAULT_EVENT_WINDOW, Filter};
use crate::{CalendarSpan, instant};

/// One condition. Two-valued: what cannot be answered, because an attribute is absent or of another type, is false.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Every one holds; without any, true.
    All(Vec<Node>),
    /// At least one holds.
    Any(Vec<Node>),
    /// It does not hold.
    Not(Box<Node>),
    /// A value of the field passes the test.
    Test {
        /// Where the value is.
        field: Field,
        /// What is asked of it.
        test: Test,
    },
    /// The number of events passes every test.
    Event {
        /// The place in [`Needs::event_counts`].
        need: usize,
        /// What is asked of the number.
        count: Vec<CountTest>,
    },
    /// The profile is in one of these segments: places in [`Needs::segments`].
    Segment(Vec<usize>),
    /// The profile is in one of these audiences: places in [`Needs::audiences`].
    Audience(Vec<usize>),
}

/// Where a condition finds its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Which value.
    pub source: Source,
    /// As what it must be stored; of another type it counts as absent.
    pub stored_as: StoredAs,
}

/// The holder of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The profile's custom id, a string.
    CustomId,
    /// An attribute, or a member of an object in one. On profiles a single name, folded or native. A path that
    /// goes through an array of objects leads to one value for each object that has the member, and a test
    /// passes if it passes for some of them.
    Attribute(Vec<String>),
}

/// The type a field asserts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredAs {
    /// Whatever it is.
    Any,
    /// `date(x)`, `age(x)`, `birthday(x)`
    Date,
    /// `url(x)`
    Url,
}

/// What is asked of a value that is present. A value of a type the test is not made for fails it.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It is there, of any type.
    Exists,
    /// It equals the operand; of an array, some item does.
    Equals(Operand),
    /// As [`Test::Equals`], for at least one of the operands.
    In(Vec<Operand>),
    /// A number or date in that order to the operand: value, order, operand.
    Compare(Order, Operand),
    /// A string or URL with that substring, an array with that item.
    Contains(String),
    /// An array with at least one of these items.
    ContainsAny(Vec<String>),
    /// An array with each of these items.
    ContainsAll(Vec<String>),
    /// A string or URL that starts so.
    StartsWith(String),
    /// A string or URL that ends so.
    EndsWith(String),
    /// A date that is not in the future and whose distance from now is in that order to the span.
    Age(Order, CalendarSpan),
    /// A date whose month and day, in UTC, are today's in the zone of the profile; 29 February falls on the 28th in
    /// other years.
    Birthday,
    /// An array of objects with at least one for which the query holds.
    ElementMatches(Box<Node>),
}

/// An order other than equality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `$lt`
    Less,
    /// `$lte`
    LessOrEqual,
    /// `$gt`
    Greater,
    /// `$gte`
    GreaterOrEqual,
}

/// What a value is compared with. The type of the stored value decides which of the two readings applies.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    /// Against strings, URLs, numbers, booleans and items of arrays.
    pub scalar: Scalar,
    /// Against dates; `None` where the operand is no date.
    pub instant: Option<Instant>,
}

/// A JSON value that is neither null nor a container.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Text.
    String(String),
    /// A whole number of 64 bits.
    Integer(i64),
    /// Any other number; finite.
    Float(f64),
    /// True or false.
    Boolean(bool),
}

/// An instant, fixed or relative to the moment of evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instant {
    /// Microseconds since the epoch, UTC.
    At(i64),
    /// `now`
    Now,
    /// `now-7d`
    Before(CalendarSpan),
    /// `now+2h`
    After(CalendarSpan),
}

impl Instant {
    /// The instant in microseconds, seen from `now`.
    pub fn at(self, now: i64) -> i64 {
        match self {
            Self::At(micros) => micros,
            Self::Now => now,
            Self::Before(span) => span.before(now),
            Self::After(span) => span.after(now),
        }
    }

    /// Reads RFC 3339, a date, or `now` with an optional offset.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("now") {
            Some("") => Some(Self::Now),
            Some(offset) => match offset.split_at_checked(1)? {
                ("-", span) => span.parse().ok().map(Self::Before),
                ("+", span) => span.parse().ok().map(Self::After),
                _ => None,
            },
            None => instant::parse_instant(text).map(Self::At),
        }
    }
}

/// What is asked of a number of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountTest {
    /// Exactly so many.
    Equals(u64),
    /// Any other number.
    Differs(u64),
    /// Number of events, order, this.
    Compare(Order, u64),
}

/// What a query needs looked up. The [`Answers`](super::Answers) keep the same places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// Numbers of events.
    pub event_counts: Vec<EventCount>,
    /// Segments by code; each once.
    pub segments: Vec<Reference>,
    /// Audiences by name; each once.
    pub audiences: Vec<Reference>,
}

impl Needs {
    /// Whether the profile's own attributes are enough.
    pub fn is_empty(&self) -> bool {
        self.event_counts.is_empty() && self.segments.is_empty() && self.audiences.is_empty()
    }
}

/// A number of events to look up: those of one name, inside the window, that pass the filter.
#[derive(Clone, Debug, PartialEq)]
pub struct EventCount {
    /// Folded.
    pub name: String,
    /// How far back to count.
    pub within: CalendarSpan,
    /// Which events to count; all where `None`.
    pub filter: Option<Filter>,
}

impl EventCount {
    /// Counting all events of that name in the default window.
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            within: DEFAULT_EVENT_WINDOW,
            filter: None,
        }
    }

    /// The start of the window, itself outside, in microseconds.
    pub fn after(&self, now: i64) -> i64 {
        self.within.before(now)
    }
}

/// A segment or audience that a query names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Code of the segment, name of the audience.
    pub name: String,
    /// Where the query names it first, for a fault if it does not exist.
    pub path: String,
}
