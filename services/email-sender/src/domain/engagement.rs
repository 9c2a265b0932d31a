//! What happened to a message, as the native events of the recipient.

use std::time::Duration;

use chappe_ids::{EventId, MessageId, ProfileId, ProjectId};
use chappe_kit::Timestamp;
use chappe_query::{Attributes, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A hit that soon after acceptance was made by a machine: nobody reads that fast.
const MACHINE_WITHIN: Duration = Duration::from_secs(2);

/// Parts of the user agents of what fetches links and images unasked.
const SCANNERS: [&str; 14] = [
    "barracuda",
    "bot",
    "crawler",
    "curl/",
    "headlesschrome",
    "mimecast",
    "preview",
    "proofpoint",
    "python-requests",
    "safelinks",
    "scanner",
    "spider",
    "symantec",
    "wget/",
];

/// One thing that happened, as it lies in the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Engagement {
    pub(crate) profile: ProfileId,
    pub(crate) message: MessageId,
    /// Names of the native events.
    pub(crate) events: Vec<String>,
    /// What makes the ids of the events: equal seeds are the same thing happening.
    pub(crate) seed: String,
    /// Microseconds since the epoch.
    pub(crate) at: Timestamp,
    /// Whether a person did it.
    pub(crate) activity: bool,
    /// Attributes of the events.
    pub(crate) attributes: Attributes,
}

/// An opt-out, as it lies in the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OptOut {
    pub(crate) profile: ProfileId,
    pub(crate) message: MessageId,
    pub(crate) address_key: String,
    pub(crate) at: Timestamp,
}

/// The id of a native event: the same whenever the same thing is reported again.
pub(crate) fn event_id(project: ProjectId, message: MessageId, event: &str, seed: &str) -> EventId {
    let name = format!("email\u{1f}{message}\u{1f}{event}\u{1f}{seed}");
    EventId::from_uuid(Uuid::new_v5(&project.as_uuid(), name.as_bytes()))
}

/// Attributes that tell which message it is about. A step or automation without a name has no attribute.
pub(crate) fn about(message: MessageId, template: &str, orchestration: &str, step: &str) -> Attributes {
    let message = message.to_string();
    let pairs = [
        ("message_id", message.as_str()),
        ("template", template),
        ("orchestration_id", orchestration),
        ("step", step),
    ];
    let text = |(name, text): (&str, &str)| (name.to_owned(), Value::String(text.chars().take(300).collect()));
    pairs
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(text)
        .collect()
}

/// Whether a hit was made by a machine.
pub(crate) fn is_machine(accepted_at: Option<Timestamp>, now: Timestamp, user_agent: &str) -> bool {
    let too_fast = accepted_at.is_none_or(|accepted| now < accepted + MACHINE_WITHIN);
    let agent = user_agent.to_ascii_lowercase();
    too_fast || SCANNERS.iter().any(|scanner| agent.contains(scanner))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    #[test]
    fn machines_are_fast_or_say_what_they_are() {
        let read = NOW + Duration::from_mins(1);
        assert!(is_machine(Some(NOW), NOW + Duration::from_secs(1), "Mozilla/5.0"));
        assert!(is_machine(None, read, "Mozilla/5.0"));
        assert!(is_machine(Some(NOW), read, "SomeBot/1.0"));
        assert!(!is_machine(Some(NOW), read, "Mozilla/5.0 (Macintosh)"));
    }

    #[test]
    fn the_same_thing_has_the_same_id() {
        let (project, message) = (
            ProjectId::from_uuid(Uuid::from_u128(1)),
            MessageId::from_uuid(Uuid::from_u128(2)),
        );
        let id = |event, seed| event_id(project, message, event, seed);
        assert_eq!(id("email_sent", ""), id("email_sent", ""));
        assert_ne!(id("email_sent", ""), id("email_open", ""));
        assert_ne!(id("email_open", "1"), id("email_open", "2"));
    }
}
