//! Attribute values, the edits that change them, and the language that selects profiles by them.
//!
//! Everything here is pure: no store, no clock. The current instant is a parameter
//! and instants are microseconds since the Unix epoch, UTC.

mod duration;
mod edit;
mod instant;
mod name;
mod native;
mod query;
mod value;
pub mod wire;

pub use duration::{CalendarSpan, InvalidSpan, Unit};
pub use edit::{Applied, AttributeEdit, MAX_ARRAY_ITEMS, MAX_CUSTOM_ATTRIBUTES, apply};
pub use instant::{format_instant, instant_from_epoch, parse_instant};
pub use name::{InvalidName, MAX_NAME_LENGTH, Name, split_wrapper};
pub use native::{CUSTOM_ID, LABEL, Native, TAGS, email_key, parse_address};
pub use query::{
    Answers, CountTest, DEFAULT_EVENT_WINDOW, EventCount, Fault, Field, Filter, Instant, MAX_DEPTH, MAX_LEAVES,
    MAX_LIST_VALUES, Moment, Needs, Node, Operand, Order, Query, Reference, Scalar, Source, StoredAs, Subject, Test,
};
pub use value::{Attributes, Value};
