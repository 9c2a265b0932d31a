//! Takes queued messages back.

use std::collections::HashMap;

use chappe_ids::{MessageId, ProjectId};
use chappe_kit::Error;
use chappe_proto::email::{CancelRequest, CancelResponse};

use super::convert;
use crate::{
    app::{App, topic},
    store,
};

/// Messages of one call.
const MAX_MESSAGES: usize = 1_000;

pub(super) async fn cancel(app: &App, project: ProjectId, request: CancelRequest) -> Result<CancelResponse, Error> {
    convert::at_most("message_ids", request.message_ids.len(), MAX_MESSAGES)?;
    let ids: Vec<MessageId> = convert::ids("message_ids", &request.message_ids)?;
    let now = app.now();
    let cancelled = app
        .db
        .write(async |txn| {
            let cancelled = store::message::cancel(txn, project, &ids, now).await?;
            store::outcome::report(txn, &cancelled, &HashMap::new(), now).await?;
            Ok(cancelled)
        })
        .await?;
    if !cancelled.is_empty() {
        app.coordination.hints.notify(topic::OUTCOMES);
    }
    let ids = cancelled.iter().map(|cancelled| cancelled.message.1.to_string());
    Ok(CancelResponse {
        cancelled_message_ids: ids.collect(),
    })
}
