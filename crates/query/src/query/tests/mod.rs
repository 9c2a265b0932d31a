mod dates;
mod events;
mod faults;
mod operators;
mod properties;
mod vectors;

use chrono_tz::Tz;
use serde_json::Value as Json;

use super::*;
use crate::parse_instant;

/// The instant at which queries are evaluated unless a test says otherwise.
const NOW: &str = "2024-06-15T12:00:00Z";

fn moment(now: &str, timezone: Tz) -> Moment {
    Moment {
        now: parse_instant(now).unwrap(),
        timezone,
    }
}

fn query(json: &Json) -> Query {
    Query::parse("query", json).unwrap_or_else(|faults| panic!("{json}: {faults:?}"))
}

/// Attributes from their stored form.
fn attributes(stored: Json) -> Attributes {
    serde_json::from_value(stored).unwrap()
}

/// Whether the query selects a profile with these attributes, given in their stored form.
fn selects(json: &Json, stored: Json) -> bool {
    selects_at(moment(NOW, Tz::UTC), json, stored)
}

fn selects_at(moment: Moment, json: &Json, stored: Json) -> bool {
    query(json).matches(&Subject {
        attributes: &attributes(stored),
        custom_id: None,
        moment,
        answers: &Answers::default(),
    })
}

/// Whether an event with these attributes passes the filter.
fn passes(json: &Json, stored: Json) -> bool {
    let filter = Filter::parse("where", json).unwrap_or_else(|faults| panic!("{json}: {faults:?}"));
    filter.matches(&attributes(stored), moment(NOW, Tz::UTC))
}
