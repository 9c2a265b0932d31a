//! The wire and the domain.

use std::str::FromStr;

use chappe_ids::ProfileId;
use chappe_kit::{Error, Timestamp};
use chappe_proto::profile as pb;
use chappe_query::{AttributeEdit, wire};

use crate::domain::{
    edit::{Edit, Event, Origin},
    fold::{EditResult, State},
    profile::Profile,
};

/// An id, or the field that should hold one.
pub(crate) fn id<T: FromStr>(field: &str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::invalid_field(field, "must be a UUID"))
}

/// Ids, or the field that should hold them.
pub(crate) fn ids<T: FromStr>(field: &str, texts: &[String]) -> Result<Vec<T>, Error> {
    let numbered = texts.iter().enumerate();
    numbered
        .map(|(index, text)| id(&format!("{field}[{index}]"), text))
        .collect()
}

/// Refuses more than the contract allows.
pub(crate) fn at_most(field: &str, count: usize, limit: usize) -> Result<(), Error> {
    if count > limit {
        return Err(Error::invalid_field(
            field,
            format!("holds {count} entries, at most {limit} are allowed"),
        ));
    }
    Ok(())
}

/// An instant, or the field that should hold one.
pub(crate) fn instant(field: &str, at: Option<prost_types::Timestamp>) -> Result<Timestamp, Error> {
    at.map(Timestamp::from)
        .ok_or_else(|| Error::invalid_field(field, "is missing"))
}

pub(crate) fn edit(field: &str, edit: pb::ProfileEdit, origin: Origin, accepted_at: Timestamp) -> Result<Edit, Error> {
    let events = edit.events.into_iter().enumerate();
    let events: Result<Vec<_>, _> = events
        .map(|(index, e)| event(&format!("{field}.events[{index}]"), e))
        .collect();
    let attributes = edit.attributes.into_iter().enumerate();
    let attributes: Result<Vec<_>, _> = attributes
        .map(|(index, edit)| attribute_edit(&format!("{field}.attributes[{index}]"), edit))
        .collect();
    let events = events?;
    Ok(Edit {
        profile: id(&format!("{field}.profile_id"), &edit.profile_id)?,
        custom_id: Some(edit.custom_id).filter(|custom_id| !custom_id.is_empty()),
        attributes: attributes?,
        active_at: origin.active_at(&events, accepted_at),
        events,
    })
}

fn attribute_edit(field: &str, edit: pb::AttributeEdit) -> Result<(String, AttributeEdit), Error> {
    use pb::attribute_edit::Change;
    let change = match edit.change {
        Some(Change::Set(value)) => wire::from_proto(value).map(AttributeEdit::Set),
        Some(Change::Remove(pb::Removal {})) => Some(AttributeEdit::Remove),
        Some(Change::Patch(pb::ArrayPatch { add, remove })) => Some(AttributeEdit::Patch { add, remove }),
        None => None,
    };
    let change = change.ok_or_else(|| Error::invalid_field(field, "says nothing to do"))?;
    Ok((edit.name, change))
}

pub(crate) fn event(field: &str, event: pb::Event) -> Result<Event, Error> {
    if event.name.is_empty() {
        return Err(Error::invalid_field(format!("{field}.name"), "is missing"));
    }
    Ok(Event {
        id: id(&format!("{field}.event_id"), &event.event_id)?,
        name: event.name,
        time: instant(&format!("{field}.time"), event.time)?,
        attributes: wire::attributes_from_proto(event.attributes),
    })
}

pub(crate) fn event_to_proto(event: &Event) -> pb::Event {
    pb::Event {
        event_id: event.id.to_string(),
        name: event.name.clone(),
        time: Some(event.time.into()),
        attributes: wire::attributes_to_proto(&event.attributes),
    }
}

pub(crate) fn result_to_proto(result: &EditResult) -> pb::EditResult {
    let (state, moved_to): (_, Option<ProfileId>) = match result.state {
        State::Applied => (pb::EditState::Applied, None),
        State::Gone => (pb::EditState::Gone, None),
        State::Moved(to) => (pb::EditState::Moved, Some(to)),
    };
    pb::EditResult {
        state: state.into(),
        moved_to_profile_id: moved_to.map(|to| to.to_string()).unwrap_or_default(),
        events_applied: i32::try_from(result.events_applied).unwrap_or(i32::MAX),
        events_duplicate: i32::try_from(result.events_duplicate).unwrap_or(i32::MAX),
    }
}

pub(crate) fn profile_to_proto(profile: &Profile, last_activity_at: Timestamp) -> pb::Profile {
    pb::Profile {
        profile_id: profile.id.to_string(),
        custom_id: profile.custom_id.clone().unwrap_or_default(),
        attributes: wire::attributes_to_proto(&profile.attributes),
        created_at: Some(profile.created_at.into()),
        last_activity_at: Some(last_activity_at.into()),
        version: profile.version,
    }
}
