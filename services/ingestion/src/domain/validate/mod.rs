//! The rules of the REST contract for profiles and events (Batch's Profile API, "Update profiles").
//!
//! Faults come from the request alone. Nothing stops at the first one: whatever is right is kept.

mod attribute;
mod event;
mod identifier;
mod native;
mod value;

use std::collections::HashMap;

use chappe_ids::ProjectId;
use chappe_kit::Timestamp;
use chappe_proto::{
    ingestion::{ProfileUpdate, UpdateProfilesRequest},
    types::{Identifier, RawField, identifier::Kind as Named, raw_value::Kind},
};
use chappe_query::AttributeEdit;

use super::{
    edit::{Category, Edit, Event, Fault},
    reason::Reason,
};

/// Attribute keys in one item.
const MAX_ATTRIBUTES: usize = 50;
/// Events in one item.
const MAX_EVENTS: usize = 15;

/// What all items of a call share.
pub(crate) struct Call<'a> {
    pub(crate) project: ProjectId,
    /// When the call was received.
    pub(crate) now: Timestamp,
    /// The idempotency key, if there is one, and the digest of the request under it.
    pub(crate) idempotency: Option<(&'a str, [u8; 32])>,
    pub(crate) first_index: i32,
    pub(crate) backfill: bool,
}

/// A call taken apart.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) edits: Vec<Edit>,
    /// In the order of the document.
    pub(crate) faults: Vec<Fault>,
    pub(crate) events_refused: i64,
}

/// Takes a call apart.
pub(crate) fn check(call: &Call<'_>, request: UpdateProfilesRequest) -> Checked {
    let mut checked = Checked::default();
    for (index, item) in (call.first_index..).zip(request.items) {
        Item {
            call,
            index,
            checked: &mut checked,
        }
        .check(item);
    }
    checked
}

struct Item<'a> {
    call: &'a Call<'a>,
    index: i32,
    checked: &'a mut Checked,
}

impl Item<'_> {
    fn check(&mut self, update: ProfileUpdate) {
        let events = update.events.and_then(|events| events.kind);
        let identifier = update
            .identifier
            .ok_or(Reason::CustomIdShape)
            .and_then(identifier::check);
        let identifier = match identifier {
            Ok(identifier) => identifier,
            Err(reason) => {
                self.fault(Category::Identifier, reason, String::new());
                self.checked.events_refused += count(events.as_ref());
                return;
            }
        };
        let attributes = match update.attributes.and_then(|attributes| attributes.kind) {
            None => Vec::new(),
            Some(Kind::ObjectValue(object)) => self.attributes(&identifier, object.fields),
            Some(_) => {
                self.fault(Category::Attribute, Reason::AttributesShape, String::new());
                Vec::new()
            }
        };
        let events = self.events(events);
        self.checked.edits.push(Edit {
            index: self.index,
            identifier,
            attributes,
            events,
        });
    }

    /// Of several keys that name one attribute the last one wins, where it stands.
    fn attributes(&mut self, identifier: &Identifier, fields: Vec<RawField>) -> Vec<(String, AttributeEdit)> {
        let named = matches!(identifier.kind, Some(Named::CustomId(_)));
        let mut edits = Vec::with_capacity(fields.len());
        for (n, field) in fields.into_iter().enumerate() {
            let key = field.key;
            let kind = field.value.and_then(|value| value.kind);
            let change = if n < MAX_ATTRIBUTES {
                attribute::check(&key, kind, named)
            } else {
                Err(Reason::TooManyAttributes)
            };
            match change {
                Ok(change) => edits.push(change),
                Err(reason) => self.fault(Category::Attribute, reason, key),
            }
        }
        last_of_each(edits)
    }

    fn events(&mut self, events: Option<Kind>) -> Vec<Event> {
        let raw = match events {
            None => return Vec::new(),
            Some(Kind::ListValue(list)) => list.items,
            Some(Kind::ObjectValue(object)) if object.fields.is_empty() => return Vec::new(),
            Some(_) => {
                self.fault(Category::Event, Reason::EventsShape, String::new());
                return Vec::new();
            }
        };
        let mut events = Vec::with_capacity(raw.len());
        for (n, event) in raw.into_iter().enumerate() {
            let path = format!("events[{n}]");
            let event = if n < MAX_EVENTS || self.call.backfill {
                event::check(self.call, self.index, n, event)
            } else {
                Err(vec![(String::new(), Reason::TooManyEvents)])
            };
            match event {
                Ok(event) => events.push(event),
                Err(faults) => {
                    self.checked.events_refused += 1;
                    for (below, reason) in faults {
                        self.fault(Category::Event, reason, format!("{path}{below}"));
                    }
                }
            }
        }
        events
    }

    fn fault(&mut self, category: Category, reason: Reason, attribute: String) {
        self.checked.faults.push(Fault {
            index: self.index,
            category,
            reason,
            attribute,
        });
    }
}

fn last_of_each(edits: Vec<(String, AttributeEdit)>) -> Vec<(String, AttributeEdit)> {
    let last: HashMap<String, usize> = edits
        .iter()
        .enumerate()
        .map(|(n, (name, _))| (name.clone(), n))
        .collect();
    let numbered = edits.into_iter().enumerate();
    numbered
        .filter(|(n, (name, _))| last[name] == *n)
        .map(|(_, edit)| edit)
        .collect()
}

fn count(events: Option<&Kind>) -> i64 {
    match events {
        Some(Kind::ListValue(list)) => i64::try_from(list.items.len()).unwrap_or(i64::MAX),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
