//! Takes queued messages back.

use chappe_ids::{MessageId, ProjectId};
use chappe_kit::Error;
use chappe_proto::email::{CancelRequest, CancelResponse};

use super::convert;
use crate::{app::App, store};

/// Messages of one call.
const MAX_MESSAGES: usize = 1_000;

pub(super) async fn cancel(app: &App, project: ProjectId, request: CancelRequest) -> Result<CancelResponse, Error> {
    convert::at_most("message_ids", request.message_ids.len(), MAX_MESSAGES)?;
    let ids: Vec<MessageId> = convert::ids("message_ids", &request.message_ids)?;
    let now = app.now();
    let cancelled = app
        .db
        .write(async |txn| store::message::cancel(txn, project, &ids, now).await)
        .await?;
    Ok(CancelResponse {
        cancelled_message_ids: cancelled.iter().map(ToString::to_string).collect(),
    })
}
