//! Everything that is SQL. Reads take any connection, writes a transaction; every statement is scoped by project,
//! except where a pull covers all of them.

pub(crate) mod activity;
pub(crate) mod app_user;
pub(crate) mod batch;
pub(crate) mod blocked;
pub(crate) mod call;
pub(crate) mod event;
pub(crate) mod feed;
pub(crate) mod inactive;
pub(crate) mod interest;
pub(crate) mod known;
pub(crate) mod profile;
pub(crate) mod subject;

use chappe_ids::ProfileId;
use chappe_kit::{Error, ErrorKind};
use chappe_query::Attributes;
use chappe_store::{RETRY_CONFLICT, Rows, WRITE_CONFLICT};
use serde::Deserialize;

/// Attributes as a column holds them, read without a detour over generic JSON.
#[derive(Deserialize)]
#[serde(transparent)]
struct StoredAttributes(Attributes);

impl sea_orm::TryGetableFromJson for StoredAttributes {}

/// Attributes as a column takes them.
fn json(attributes: &Attributes) -> Result<String, Error> {
    serde_json::to_string(attributes).map_err(Error::internal)
}

/// The rows of a statement that concerns these profiles.
fn profile_rows(profiles: &[ProfileId]) -> Rows {
    Rows::new(profiles.len()).uuids("profile_id", profiles.iter().copied())
}

/// Somebody wrote between our reading and our writing: the transaction has to be run again.
fn conflict() -> Error {
    Error::new(
        ErrorKind::Aborted,
        WRITE_CONFLICT,
        "another change to the same profiles was faster; send the call again",
    )
    .retry_after(RETRY_CONFLICT)
}

/// A count or other number that cannot be negative.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
