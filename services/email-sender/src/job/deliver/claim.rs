//! Takes due messages, and gives them back.

use std::time::Duration;

use chappe_ids::ClaimId;
use chappe_kit::Error;

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
    let messages = app
        .db
        .write(async |txn| store::claim::take(txn, claim, limit, now).await)
        .await?;
    Ok((!messages.is_empty()).then_some(Batch { claim, messages }))
}

/// Gives messages back that were not attempted.
pub(super) async fn release(app: &App, claim: ClaimId, messages: &[MessageRef]) -> Result<(), Error> {
    let due_at = app.now() + RELEASE_PAUSE;
    app.db
        .write(async |txn| store::claim::release(txn, claim, messages, due_at).await)
        .await?;
    Ok(())
}
