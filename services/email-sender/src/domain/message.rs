//! A message and its states.

use chappe_ids::{MessageId, ProfileId, ProjectId};
use chappe_kit::{Timestamp, trace::Span};
use chappe_query::Attributes;

/// Where a message stands. The numbers are those of the contract and of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum State {
    Queued = 1,
    Claimed = 2,
    Attempting = 3,
    Accepted = 4,
    Deferred = 5,
    Rejected = 6,
    Unknown = 7,
    Skipped = 8,
    Cancelled = 9,
}

impl State {
    pub(crate) const ALL: [Self; 9] = [
        Self::Queued,
        Self::Claimed,
        Self::Attempting,
        Self::Accepted,
        Self::Deferred,
        Self::Rejected,
        Self::Unknown,
        Self::Skipped,
        Self::Cancelled,
    ];

    /// As stored.
    pub(crate) const fn code(self) -> i64 {
        self as i64
    }

    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Whether nothing comes after it.
    pub(crate) const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Accepted | Self::Rejected | Self::Unknown | Self::Skipped | Self::Cancelled
        )
    }
}

/// What a message is for; decides about consent and about what is ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Marketing = 1,
    Transactional = 2,
}

impl Class {
    /// As stored; also its bit in the classes of a suppression.
    pub(crate) const fn code(self) -> i64 {
        self as i64
    }

    pub(crate) const fn from_code(code: i64) -> Self {
        if code == Self::Transactional.code() {
            Self::Transactional
        } else {
            Self::Marketing
        }
    }
}

/// Names a message.
pub(crate) type MessageRef = (ProjectId, MessageId);

/// A version of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) version: i64,
}

/// A message taken over.
#[derive(Clone, Debug)]
pub(crate) struct NewMessage {
    pub(crate) id: MessageId,
    pub(crate) profile: ProfileId,
    pub(crate) template: String,
    pub(crate) sender: String,
    pub(crate) orchestration: String,
    pub(crate) step: String,
    pub(crate) event_name: String,
    pub(crate) event: Attributes,
    pub(crate) event_accepted_at: Option<Timestamp>,
    pub(crate) lane: i64,
    pub(crate) traceparent: String,
}

/// A message under a claim.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub(crate) project: ProjectId,
    pub(crate) id: MessageId,
    pub(crate) profile: ProfileId,
    pub(crate) template: Version,
    pub(crate) sender: Version,
    pub(crate) class: Class,
    pub(crate) orchestration: String,
    pub(crate) event_name: String,
    pub(crate) event: Attributes,
    pub(crate) enqueued_at: Timestamp,
    pub(crate) attempts: i64,
    /// Fixes Date and tokens over all attempts.
    pub(crate) first_attempt_at: Option<Timestamp>,
    /// Where it stands in a trace, when that is sampled.
    pub(crate) traceparent: Option<String>,
    /// This attempt.
    pub(crate) span: Span,
}

impl Claimed {
    pub(crate) fn key(&self) -> MessageRef {
        (self.project, self.id)
    }
}
