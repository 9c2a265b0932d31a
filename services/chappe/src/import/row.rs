//! One event of a file, ready to be sent and to be named.

use std::collections::BTreeMap;

use chappe_ids::{EventId, ProjectId, event_id_from_import};
use chappe_query::{Name, format_instant, parse_instant, split_wrapper};
use serde_json::{Map, Value as Json, json};

/// An event as the file tells it.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) custom_id: String,
    /// Folded.
    event: String,
    /// Microseconds.
    time: i64,
    /// Keys folded and sorted, at every depth: equal attributes give equal text.
    attributes: Map<String, Json>,
}

/// Of text in another encoding, such as Latin-1.
pub(super) const NOT_UTF8: &str = "is not UTF-8: save the file as UTF-8";

/// Why a row cannot be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Empty where the whole row is meant.
    pub(super) column: String,
    pub(super) reason: String,
}

impl Fault {
    pub(super) fn new(column: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            column: column.into(),
            reason: reason.into(),
        }
    }
}

impl Row {
    pub(super) fn new(
        custom_id: &str,
        event: &str,
        time: &str,
        attributes: impl IntoIterator<Item = (String, Json)>,
    ) -> Result<Self, Fault> {
        if custom_id.trim().is_empty() {
            return Err(Fault::new("custom_id", "is empty"));
        }
        let event = Name::parse(event.trim_ascii()).map_err(|invalid| Fault::new("event", invalid.to_string()))?;
        let time = parse_instant(time.trim_ascii());
        let time =
            time.ok_or_else(|| Fault::new("time", "is not a time such as 2026-07-01T09:30:00Z or 2026-07-01"))?;
        Ok(Self {
            custom_id: custom_id.to_owned(),
            event: event.into_string(),
            time,
            attributes: members(attributes),
        })
    }

    /// The attributes as text that is equal for equal attributes.
    pub(super) fn canonical_attributes(&self) -> String {
        serde_json::to_string(&self.attributes).expect("JSON values are JSON")
    }

    /// The id of the event, if `occurrence` equal rows come before it in the file. `attributes` is their
    /// canonical text.
    pub(super) fn id(&self, project: ProjectId, attributes: &str, occurrence: u32) -> EventId {
        event_id_from_import(project, &self.custom_id, &self.event, self.time, attributes, occurrence)
    }

    /// The event as the gateway takes it.
    pub(super) fn into_event(self, id: EventId) -> Json {
        json!({
            "id": id.to_string(),
            "name": self.event,
            "time": format_instant(self.time),
            "attributes": self.attributes,
        })
    }
}

fn members(members: impl IntoIterator<Item = (String, Json)>) -> Map<String, Json> {
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    let sorted: BTreeMap<String, Json> = members.map(|(key, value)| (fold(&key), canonical(value))).collect();
    sorted.into_iter().collect()
}

/// The name is folded, a wrapper around it is not.
fn fold(key: &str) -> String {
    match split_wrapper(key) {
        Some((wrapper, name)) => format!("{wrapper}({})", name.to_ascii_lowercase()),
        None => key.to_ascii_lowercase(),
    }
}

fn canonical(value: Json) -> Json {
    match value {
        Json::Object(object) => Json::Object(members(object)),
        Json::Array(items) => Json::Array(items.into_iter().map(canonical).collect()),
        scalar => scalar,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const PROJECT: ProjectId = ProjectId::from_uuid(Uuid::from_u128(1));

    fn row(event: &str, time: &str, attributes: Json) -> Row {
        let Json::Object(attributes) = attributes else {
            panic!("an object is expected")
        };
        Row::new("u1", event, time, attributes).unwrap()
    }

    fn id(row: &Row, occurrence: u32) -> EventId {
        row.id(PROJECT, &row.canonical_attributes(), occurrence)
    }

    #[test]
    fn rows_that_say_the_same_have_the_same_id() {
        let one = row(
            "Purchase",
            "2020-01-01T01:00:00+01:00",
            json!({"b": 1, "A": {"y": null, "z": 1, "x": 2}}),
        );
        let other = row(
            "purchase",
            "2020-01-01",
            json!({"a": {"x": 2, "z": 1}, "b": 1, "c": null}),
        );
        assert_eq!(one, other);
        assert_eq!(id(&one, 0), id(&other, 0));
        assert_ne!(id(&one, 0), id(&other, 1));
        assert_ne!(id(&one, 0), id(&row("purchase", "2020-01-02", json!({})), 0));
    }

    #[test]
    fn an_integer_and_a_float_are_different_values() {
        let (five, float) = (
            row("e", "2020-01-01", json!({"a": 5})),
            row("e", "2020-01-01", json!({"a": 5.0})),
        );
        assert_ne!(id(&five, 0), id(&float, 0));
    }

    #[test]
    fn the_fault_names_its_column() {
        let column = |id: &str, event: &str, time: &str| Row::new(id, event, time, []).unwrap_err().column;
        assert_eq!(column(" ", "e", "2020-01-01"), "custom_id");
        assert_eq!(column("u1", "not a name", "2020-01-01"), "event");
        assert_eq!(column("u1", "e", "yesterday"), "time");
    }

    #[test]
    fn an_event_carries_everything_but_whose_it_is() {
        let row = row("Purchase", "2020-01-01", json!({"date(Paid)": "2020-01-01"}));
        let id = id(&row, 0);
        let attributes = json!({"date(paid)": "2020-01-01"});
        let expected = json!({"id": id, "name": "purchase", "time": "2020-01-01T00:00:00Z", "attributes": attributes});
        assert_eq!(row.into_event(id), expected);
    }
}
