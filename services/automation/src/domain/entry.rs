//! One person's walk through one automation.

use chappe_ids::{AutomationId, EntryId, EventId, MessageId, ProfileId, ProjectId};
use chappe_kit::Timestamp;
use chappe_query::Attributes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) project: ProjectId,
    pub(crate) id: EntryId,
    pub(crate) automation: AutomationId,
    pub(crate) version: i64,
    pub(crate) profile: ProfileId,
    pub(crate) lane: u8,
    pub(crate) progress: Progress,
    /// The event that opened or restarted it: what its messages show.
    pub(crate) event: EntryEvent,
    pub(crate) entered_at: Timestamp,
    /// Whether a message step was reached, whatever became of the message.
    pub(crate) attempted: bool,
    /// Messages that are sent, or count as sent until their outcome is known.
    pub(crate) sent: i64,
    /// Rises with every stored change.
    pub(crate) revision: i64,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// At a step until an instant.
    Resting(Rest),
    Ended {
        at: Timestamp,
        why: End,
    },
}

/// Where a live entry rests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Name of the step.
    pub(crate) step: String,
    pub(crate) phase: Phase,
    pub(crate) due: Timestamp,
}

/// Why it rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The step is reached and wants to know something about the profile.
    Arriving,
    /// The step lets time pass; afterwards targeting is looked at again.
    Waiting,
}

/// Why an entry is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Completed,
    Cancelled,
    TargetingLost,
    ProfileGone,
    Deleted,
    /// Its version does not know its step any more.
    StepMissing,
}

impl End {
    const ALL: [Self; 6] = [
        Self::Completed,
        Self::Cancelled,
        Self::TargetingLost,
        Self::ProfileGone,
        Self::Deleted,
        Self::StepMissing,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::TargetingLost => "targeting_lost",
            Self::ProfileGone => "profile_gone",
            Self::Deleted => "deleted",
            Self::StepMissing => "step_missing",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.as_str() == name)
    }
}

/// The event of an entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EntryEvent {
    pub(crate) id: EventId,
    pub(crate) name: String,
    pub(crate) attributes: Attributes,
    pub(crate) accepted_at: Timestamp,
    /// Where it stands in a trace; empty unless that is sampled.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) traceparent: String,
}

/// A message that an entry sends, as it waits for the hand-over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outgoing {
    pub(crate) message: MessageId,
    pub(crate) project: ProjectId,
    pub(crate) entry: EntryId,
    pub(crate) profile: ProfileId,
    pub(crate) lane: u8,
    pub(crate) automation: AutomationId,
    pub(crate) step: String,
    pub(crate) template: String,
    pub(crate) sender: String,
    pub(crate) event: EntryEvent,
}

impl Entry {
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self.progress, Progress::Resting(_))
    }

    pub(crate) const fn rest(&self) -> Option<&Rest> {
        match &self.progress {
            Progress::Resting(rest) => Some(rest),
            Progress::Ended { .. } => None,
        }
    }

    pub(crate) fn end(&mut self, at: Timestamp, why: End) {
        self.progress = Progress::Ended { at, why };
    }
}

/// The id of the entry that an event opens: the same event opens the same entry.
pub(crate) fn entry_id(project: ProjectId, automation: AutomationId, event: EventId) -> EntryId {
    let name = format!("entry\u{1f}{automation}\u{1f}{event}");
    EntryId::from_uuid(Uuid::new_v5(&project.as_uuid(), name.as_bytes()))
}
