//! SQL, one file for each thing stored.

pub(crate) mod definitions;
pub(crate) mod entries;
pub(crate) mod feed;
pub(crate) mod interests;
pub(crate) mod lanes;
pub(crate) mod messages;
pub(crate) mod subject;

use chappe_ids::ProjectId;
use uuid::Uuid;

/// What belongs to no project carries project zero, since the project leads every key.
const NO_PROJECT: ProjectId = ProjectId::from_uuid(Uuid::nil());

/// The topic of messages to be handed over.
pub(crate) const SEND: &str = "send";

/// The topic of messages to be taken back.
pub(crate) const CANCEL: &str = "cancel";
