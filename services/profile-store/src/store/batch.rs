//! The write path: a batch of edits in the transaction it is given.
//!
//! At most six statements, whatever the size of the batch: read and lock, events, new profiles, changed profiles,
//! activity, feed. With the newest write of the project and the two of an idempotency key that makes nine.

use std::collections::BTreeSet;

use chappe_ids::ProjectId;
use chappe_kit::{Error, Timestamp};
use sea_orm::DatabaseTransaction;

use super::{activity, event, feed, known, profile};
use crate::domain::{
    edit::{Edit, Origin},
    fold::{self, Outcome},
};

/// Edits and what they share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) project: ProjectId,
    pub(crate) origin: Origin,
    pub(crate) accepted_at: Timestamp,
    /// Kept with events for automations, when the trace is sampled.
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) edits: &'a [Edit],
    /// The profiles of the edits, each once, in order.
    pub(crate) profiles: &'a [known::Named],
}

/// Applies the edits.
///
/// Two transactions that write to one profile meet at its row: at the lock where it is there, at its key where
/// both make it. The second then goes on from what the first has left.
pub(crate) async fn apply<'a>(txn: &DatabaseTransaction, batch: &Batch<'a>) -> Result<Outcome<'a>, Error> {
    let Batch {
        project,
        origin,
        accepted_at,
        edits,
        ..
    } = *batch;
    let names = if origin.feeds() { names(edits) } else { Vec::new() };
    let known = known::lock(txn, project, batch.profiles, &names, accepted_at).await?;
    let events = fold::storable(edits, origin, &known);
    let fresh = event::insert(txn, project, &events, origin, accepted_at).await?;
    let outcome = fold::fold(edits, origin, known, fresh, accepted_at);
    profile::insert(txn, project, &outcome.created).await?;
    profile::update(txn, project, &outcome.changed).await?;
    activity::raise(txn, project, &outcome.active).await?;
    feed::insert(txn, project, &outcome.feed, accepted_at, batch.traceparent).await?;
    Ok(outcome)
}

fn names(edits: &[Edit]) -> Vec<&str> {
    let events = edits.iter().flat_map(|edit| &edit.events);
    let names: BTreeSet<_> = events.map(|event| event.name.as_str()).collect();
    names.into_iter().collect()
}
