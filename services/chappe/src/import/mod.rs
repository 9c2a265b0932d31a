//! Files as a client of the gateway: read as a stream, sent in chunks, repeated where that may help.

mod chunk;
mod csv_file;
mod csv_rows;
mod emails;
mod events;
mod ndjson_rows;
mod occurrences;
mod patience;
mod progress;
mod row;
mod source;
mod value;

pub(crate) use emails::run as emails;
pub(crate) use events::run as events;
pub(crate) use patience::{pause, post};
