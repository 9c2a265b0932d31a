//! The domain for the wire.

use chappe_ids::EventId;
use chappe_proto::{
    ingestion::UpdateError,
    profile::{self, attribute_edit::Change},
};
use chappe_query::{AttributeEdit, wire};

use crate::domain::edit::{Event, Fault};

pub(crate) fn attribute_edit(name: String, edit: AttributeEdit) -> profile::AttributeEdit {
    let change = match edit {
        AttributeEdit::Set(value) => Change::Set(wire::to_proto(&value)),
        AttributeEdit::Remove => Change::Remove(profile::Removal {}),
        AttributeEdit::Patch { add, remove } => Change::Patch(profile::ArrayPatch { add, remove }),
    };
    profile::AttributeEdit {
        name,
        change: Some(change),
    }
}

pub(crate) fn event(id: EventId, event: &Event) -> profile::Event {
    profile::Event {
        event_id: id.to_string(),
        name: event.name.clone(),
        time: Some(event.time.into()),
        attributes: wire::attributes_to_proto(&event.attributes),
    }
}

pub(super) fn fault(fault: Fault) -> UpdateError {
    UpdateError {
        category: fault.category.as_str().to_owned(),
        bulk_index: fault.index,
        reason: fault.reason.text().to_owned(),
        attribute: fault.attribute,
    }
}
