//! Edits of profiles on their way to ingestion: a body of any size as calls that fit.

mod chunk;
mod depth;

use std::time::Duration;

use axum::http::HeaderMap;
use chappe_ids::ProjectId;
use chappe_kit::{
    Error, ErrorKind,
    grpc::{
        call,
        peer::{repeatable, with_deadline},
    },
};
use chappe_proto::ingestion::{ProfileUpdate, UpdateError, UpdateProfilesRequest, UpdateProfilesResponse};

use crate::{App, failure::malformed};
use chunk::Chunk;

pub(crate) use chunk::MAX_EVENTS;
pub(crate) use depth::shallow;

/// Time for one call: the largest one is a thousand items with fifteen events each.
const PATIENCE: Duration = Duration::from_secs(30);
/// Errors in one answer; the rest is cut.
const MAX_ERRORS: usize = 1_000;
/// Longest idempotency key of a client.
const MAX_KEY: usize = 128;

/// What the client said about a body as a whole.
pub(crate) struct Terms<'a> {
    pub(crate) project: ProjectId,
    pub(crate) idempotency_key: Option<&'a str>,
    /// History, whose events name themselves.
    pub(crate) backfill: bool,
}

/// What came of a body.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) errors: Vec<UpdateError>,
    pub(crate) applied: i64,
    pub(crate) duplicates: i64,
    pub(crate) refused: i64,
}

impl Outcome {
    fn add(&mut self, response: UpdateProfilesResponse) {
        let room = MAX_ERRORS - self.errors.len();
        self.errors.extend(response.errors.into_iter().take(room));
        self.applied += response.events_applied;
        self.duplicates += response.events_duplicate;
        self.refused += response.events_refused;
    }
}

/// The `Idempotency-Key` of a request.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let visible = |key: &&str| (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = key.to_str().ok().filter(visible);
    let wrong = || malformed("Idempotency-Key", "must be 1 to 128 visible ASCII characters");
    key.map(Some).ok_or_else(wrong)
}

/// Has the edits applied, in order. When a later call fails, the earlier ones are durable, and repeating the whole
/// body under the same key is safe.
pub(crate) async fn apply(app: &App, terms: &Terms<'_>, items: Vec<ProfileUpdate>) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    for chunk in chunk::cut(items)? {
        let first = chunk.first_index == 0;
        let response = send(app, terms, chunk).await;
        outcome.add(response.map_err(|error| if first { error } else { in_between(error) })?);
    }
    Ok(outcome)
}

async fn send(app: &App, terms: &Terms<'_>, chunk: Chunk) -> Result<UpdateProfilesResponse, Error> {
    let request = UpdateProfilesRequest {
        idempotency_key: derived_key(terms.idempotency_key, chunk.first_index),
        first_index: chunk.first_index,
        items: chunk.items,
        backfill: terms.backfill,
    };
    let mut request = with_deadline(call(terms.project, request), PATIENCE);
    if terms.backfill || terms.idempotency_key.is_some() {
        request = repeatable(request);
    }
    Ok(app.peers.ingestion.clone().update_profiles(request).await?.into_inner())
}

/// The first call carries the client's own key, so that another body under that key is noticed; the others one that
/// also names their place.
fn derived_key(key: Option<&str>, first_index: i32) -> String {
    match key {
        None => String::new(),
        Some(key) if first_index == 0 => key.to_owned(),
        Some(key) => format!("{key}#{first_index}"),
    }
}

/// A failure after something has been applied already is always one to repeat.
fn in_between(error: Error) -> Error {
    match error.reason() {
        "IDEMPOTENCY_KEY_REUSED" | "IDEMPOTENCY_KEY_BUSY" => error,
        _ if error.kind() == ErrorKind::Unavailable => error,
        _ => Error::unavailable(error),
    }
}
