//! What the tests of the domain stand on.

use std::{sync::Arc, time::Duration};

use chappe_ids::{AutomationId, EventId, ProfileId, ProjectId};
use chappe_kit::Timestamp;
use chappe_query::{Attributes, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    definition::Definition,
    entry::{Entry, EntryEvent},
    instance::{Automation, Catalogue, Person, Verdict},
    interpreter::{self, Answers, Ran},
    parse,
};

pub(super) const PROJECT: ProjectId = ProjectId::from_uuid(Uuid::from_u128(1));
pub(super) const PROFILE: ProfileId = ProfileId::from_uuid(Uuid::from_u128(7));
pub(super) const AUTOMATION: AutomationId = AutomationId::from_uuid(Uuid::from_u128(3));
/// 2023-11-14T22:13:20Z.
pub(super) const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

pub(super) fn definition(spec: &Json) -> Definition {
    parse::parse(spec.as_object().unwrap()).unwrap()
}

pub(super) fn catalogue(spec: &Json) -> Catalogue {
    let definition = Arc::new(definition(spec));
    let automation = Automation {
        id: AUTOMATION,
        version: 1,
        state: definition.state,
        definition: definition.clone(),
    };
    Catalogue {
        automations: vec![automation],
        versions: [((AUTOMATION, 1), definition)].into(),
    }
}

pub(super) fn event(number: u128, name: &str) -> EntryEvent {
    EntryEvent {
        id: EventId::from_uuid(Uuid::from_u128(number)),
        name: name.to_owned(),
        attributes: Attributes::from([("n".to_owned(), Value::Integer(i64::try_from(number).unwrap()))]),
        accepted_at: NOW,
        traceparent: String::new(),
    }
}

pub(super) fn person() -> Person {
    Person::new(PROJECT, PROFILE, 0)
}

pub(super) fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

/// One event after another, everybody targeted, as separate batches.
pub(super) fn happens(
    person: &mut Person,
    catalogue: &Catalogue,
    number: u128,
    name: &str,
    at: Timestamp,
) -> Vec<Verdict> {
    person.decide(&event(number, name), catalogue, |_| true, at)
}

/// Lets the person's only live entry go on.
pub(super) fn goes_on(person: &mut Person, catalogue: &Catalogue, answers: Answers, at: Timestamp) -> Ran {
    let entry = live(person);
    let definition = &catalogue.versions[&(entry.automation, entry.version)];
    interpreter::advance(definition, entry, answers, at)
}

pub(super) fn live(person: &mut Person) -> &mut Entry {
    person.entries.iter_mut().find(|entry| entry.is_live()).unwrap()
}

/// The answers of a profile that is there and selected.
pub(super) fn targeted() -> Answers {
    Answers {
        targeting: Some(true),
        branch: None,
        zone: Some(chrono_tz::Tz::UTC),
    }
}
