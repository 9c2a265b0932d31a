//! SQL. Reads take a connection, writes a transaction.

pub(crate) mod address;
pub(crate) mod attempt;
pub(crate) mod claim;
pub(crate) mod lapse;
pub(crate) mod message;
pub(crate) mod outcome;
pub(crate) mod resource;
pub(crate) mod subject;

use chappe_store::Rows;

use crate::domain::message::MessageRef;

/// The column names keep apart from those of the tables.
fn refs<'a>(messages: impl ExactSizeIterator<Item = &'a MessageRef> + Clone) -> Rows {
    Rows::new(messages.len())
        .uuids("r_project", messages.clone().map(|(project, _)| *project))
        .uuids("r_message", messages.map(|(_, message)| *message))
}
