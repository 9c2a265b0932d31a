use std::time::Duration;

use chappe_kit::Error;
use chappe_proto::privacy::BlockSubjectResponse;

use super::Person;
use crate::{App, store};

/// How long data for an erased id is discarded (Batch's GDPR page: one month).
const BLOCKED_FOR: Duration = Duration::from_hours(24 * 30);

/// Only custom ids are blocked: a new installation is a new person.
pub(super) async fn handle(app: &App, person: &Person) -> Result<BlockSubjectResponse, Error> {
    if let Some(custom_id) = &person.custom_id {
        let hash = app.block_hash(person.project, custom_id);
        let until = app.runtime.clock.now() + BLOCKED_FOR;
        app.db
            .write(async |txn| store::blocked::insert(txn, person.project, &hash, until).await)
            .await?;
    }
    Ok(BlockSubjectResponse {})
}
