//! What a write is, once it is known to be right.

use chappe_ids::EventId;
use chappe_kit::Timestamp;
use chappe_proto::types::Identifier;
use chappe_query::{AttributeEdit, Attributes};

use super::reason::Reason;

/// One item of a call, with everything refused left out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edit {
    /// Index in the client's body.
    pub(crate) index: i32,
    pub(crate) identifier: Identifier,
    /// Changes by folded name, in document order.
    pub(crate) attributes: Vec<(String, AttributeEdit)>,
    pub(crate) events: Vec<Event>,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// Its id, when something of the client's names it; otherwise it gets a fresh one.
    pub(crate) id: Option<EventId>,
    pub(crate) name: String,
    pub(crate) time: Timestamp,
    pub(crate) attributes: Attributes,
}

/// Something refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) index: i32,
    pub(crate) category: Category,
    pub(crate) reason: Reason,
    /// Key as written or path; empty for identifiers.
    pub(crate) attribute: String,
}

/// What a fault is about, and so what is dropped for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    /// The whole item.
    Identifier,
    /// That key.
    Attribute,
    /// That event.
    Event,
}

impl Category {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Identifier => "identifier",
            Self::Attribute => "attribute",
            Self::Event => "event",
        }
    }
}
