//! Takes due messages, and gives them back.

use std::time::Duration;

use chappe_ids::ClaimId;
use chappe_kit::{
    Error,
    trace::{Kind, Span},
};

use crate::{
    app::App,
    domain::message::{Claimed, MessageRef},
    store,
};

/// How long messages wait when something that sending needs is not there.
const RELEASE_PAUSE: Duration = Duration::from_millis(500);

/// Messages claimed together.
pub(super) struct Batch {
    pub(super) claim: ClaimId,
    pub(super) messages: Vec<Claimed>,
}

/// Claims a micro-batch; `None` when nothing is due or the relay is left alone.
pub(super) async fn take(app: &App) -> Result<Option<Batch>, Error> {
    let limit = app.allowance();
    if limit == 0 {
        return Ok(None);
    }
    let claim = ClaimId::from_uuid(app.runtime.ids.uuid());
    let now = app.now();
    let mut messages = app
        .db
        .write(async |txn| store::claim::take(txn, claim, limit, now).await)
        .await?;
    messages.iter_mut().for_each(trace);
    Ok((!messages.is_empty()).then_some(Batch { claim, messages }))
}

/// Begins the span of an attempt where its trace is sampled.
fn trace(message: &mut Claimed) {
    let Some(traceparent) = &message.traceparent else {
        return;
    };
    let span = Span::resume(Kind::Consumer, "process messages", traceparent);
    span.set("messaging.operation.type", "process");
    span.set("messaging.destination.name", "messages");
    span.set("messaging.message.id", message.id);
    span.set("chappe.profile.id", message.profile);
    span.count("chappe.message.attempt", message.attempts + 1);
    message.span = span;
}

/// Gives messages back that were not attempted.
pub(super) async fn release(app: &App, claim: ClaimId, messages: &[MessageRef]) -> Result<(), Error> {
    let due_at = app.now() + RELEASE_PAUSE;
    app.db
        .write(async |txn| store::claim::release(txn, claim, messages, due_at).await)
        .await?;
    Ok(())
}
