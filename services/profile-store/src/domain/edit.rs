//! What is asked of profiles.

use chappe_ids::{EventId, ProfileId};
use chappe_kit::Timestamp;
use chappe_query::{AttributeEdit, Attributes};

/// One edit of one profile: attributes first, then events, each in order.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) profile: ProfileId,
    pub(crate) custom_id: Option<String>,
    pub(crate) attributes: Vec<(String, AttributeEdit)>,
    pub(crate) events: Vec<Event>,
    /// When its effect counts as activity; `None` if it does not.
    pub(crate) active_at: Option<Timestamp>,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: EventId,
    pub(crate) name: String,
    pub(crate) time: Timestamp,
    pub(crate) attributes: Attributes,
}

/// Who wrote the edits of a batch, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A client, now.
    Live,
    /// A client, about the past.
    Backfill,
    /// Chappe itself, about an e-mail it sent.
    Native,
}

impl Origin {
    /// Whether a profile that is not there yet is made. Chappe does not write to people it does not know.
    pub(crate) const fn creates(self) -> bool {
        !matches!(self, Self::Native)
    }

    /// Whether events go to automations. The past triggers nothing.
    pub(crate) const fn feeds(self) -> bool {
        !matches!(self, Self::Backfill)
    }

    /// When an edit of a client with these events counts as activity: at receipt, since a back-dated event is
    /// activity now; but the past at its own time, so that it can be judged.
    pub(crate) fn active_at(self, events: &[Event], accepted_at: Timestamp) -> Option<Timestamp> {
        let newest = events.iter().map(|event| event.time).max();
        match self {
            Self::Live => Some(accepted_at),
            Self::Backfill => Some(newest.map_or(accepted_at, |newest| newest.min(accepted_at))),
            Self::Native => None,
        }
    }
}
