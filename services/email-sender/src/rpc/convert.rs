//! Between the contract and the domain.

use chappe_ids::{LANES, MessageId, ProfileId};
use chappe_kit::{Error, Timestamp, Violation};
use chappe_proto::{
    email::{MessageState, OutcomeRef, OutgoingMessage},
    types::Resource,
};
use chappe_query::wire;

use crate::domain::{
    message::{MessageRef, NewMessage, State},
    resource::Kind,
};

/// Octets of a name in a message.
const MAX_TEXT: usize = 300;

pub(crate) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.micros();
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    }
}

pub(super) fn instant(at: &prost_types::Timestamp) -> Timestamp {
    Timestamp::from_micros(
        at.seconds
            .saturating_mul(1_000_000)
            .saturating_add(i64::from(at.nanos) / 1_000),
    )
}

pub(super) fn state_to_proto(code: i64) -> i32 {
    let state = i32::try_from(code)
        .ok()
        .and_then(|code| MessageState::try_from(code).ok());
    state.unwrap_or(MessageState::Unspecified).into()
}

pub(super) fn state_from_proto(state: i32) -> Option<State> {
    State::from_code(state.into())
}

/// Refuses more rows than a call may have.
pub(super) fn at_most(field: &str, count: usize, most: usize) -> Result<(), Error> {
    if count > most {
        return Err(Error::invalid_field(
            field,
            format!("has {count} items; at most {most} go into one call"),
        ));
    }
    Ok(())
}

/// The kind that a name stands for.
pub(super) fn kind(name: &str) -> Result<Kind, Error> {
    let unknown = || {
        Error::invalid_field(
            "kind",
            format!("{name} is not a kind of this service; there are Sender, Template"),
        )
    };
    Kind::parse(name).ok_or_else(unknown)
}

pub(super) fn resource(resource: crate::store::resource::Resource) -> Resource {
    Resource {
        kind: resource.kind.name().to_owned(),
        name: resource.name,
        spec: Some(chappe_proto::to_struct(&resource.spec)),
        version: resource.version,
    }
}

/// All messages of a call, or everything that is wrong with them.
pub(super) fn messages(messages: Vec<OutgoingMessage>) -> Result<Vec<NewMessage>, Error> {
    let mut violations = Vec::new();
    let mut read = Vec::with_capacity(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        let before = violations.len();
        let mut wrong = |field: &str, description: &str| {
            violations.push(Violation {
                field: format!("messages[{index}].{field}"),
                description: description.to_owned(),
            });
        };
        let id = message.message_id.parse::<MessageId>();
        let profile = message.profile_id.parse::<ProfileId>();
        if id.is_err() {
            wrong("message_id", "is not a UUID");
        }
        if profile.is_err() {
            wrong("profile_id", "is not a UUID");
        }
        if !(0..i32::from(LANES)).contains(&message.lane) {
            wrong("lane", "is not a lane: there are 0 to 63");
        }
        let texts = [
            &message.template,
            &message.sender,
            &message.orchestration_id,
            &message.step,
            &message.event_name,
        ];
        if texts.iter().any(|text| text.len() > MAX_TEXT || text.contains('\0')) {
            wrong("step", "a name has at most 300 octets");
        }
        if let (Ok(id), Ok(profile), true) = (id, profile, violations.len() == before) {
            read.push(NewMessage {
                id,
                profile,
                template: message.template,
                sender: message.sender,
                orchestration: message.orchestration_id,
                step: message.step,
                event_name: message.event_name,
                event: wire::attributes_from_proto(message.event_attributes),
                event_accepted_at: message.event_accepted_at.as_ref().map(instant),
                lane: message.lane.into(),
                traceparent: message.traceparent,
            });
        }
    }
    if violations.is_empty() {
        Ok(read)
    } else {
        Err(Error::invalid_fields(violations))
    }
}

pub(super) fn outcome_refs(refs: &[OutcomeRef]) -> Result<Vec<MessageRef>, Error> {
    let wrong = |_| Error::invalid_field("outcomes", "a project or message is not a UUID");
    refs.iter()
        .map(|it| {
            Ok((
                it.project_id.parse().map_err(wrong)?,
                it.message_id.parse().map_err(wrong)?,
            ))
        })
        .collect()
}

/// A list of ids.
pub(super) fn ids<T: std::str::FromStr>(field: &str, ids: &[String]) -> Result<Vec<T>, Error> {
    let parse = |id: &String| {
        id.parse()
            .map_err(|_| Error::invalid_field(field, format!("{id} is not a UUID")))
    };
    ids.iter().map(parse).collect()
}
