//! Lists messages, newest first.

use chappe_ids::ProjectId;
use chappe_kit::Error;
use chappe_proto::email::{ListMessagesRequest, ListMessagesResponse, Message};

use super::convert::{self, timestamp};
use crate::{
    app::App,
    store::{self, message::Listed},
};

const DEFAULT_PAGE: i32 = 100;
const MAX_PAGE: i32 = 1_000;

pub(super) async fn list(
    app: &App,
    project: ProjectId,
    request: ListMessagesRequest,
) -> Result<ListMessagesResponse, Error> {
    let profile = (!request.profile_id.is_empty()).then(|| request.profile_id.parse());
    let profile = profile
        .transpose()
        .map_err(|_| Error::invalid_field("profile_id", "is not a UUID"))?;
    let size = if request.page_size <= 0 {
        DEFAULT_PAGE
    } else {
        request.page_size.min(MAX_PAGE)
    };
    let state = convert::state_from_proto(request.state);
    let messages = store::message::list(app.db.read(), project, profile, state, size.into()).await?;
    Ok(ListMessagesResponse {
        messages: messages.into_iter().map(message).collect(),
    })
}

fn message(listed: Listed) -> Message {
    Message {
        message_id: listed.id.to_string(),
        profile_id: listed.profile.to_string(),
        state: convert::state_to_proto(listed.state),
        reason: listed.reason.unwrap_or_default(),
        template: listed.template,
        orchestration_id: listed.orchestration,
        step: listed.step,
        enqueued_at: Some(timestamp(listed.enqueued_at)),
        finished_at: listed.finished_at.map(timestamp),
        event_accepted_at: listed.event_accepted_at.map(timestamp),
        attempts: i32::try_from(listed.attempts).unwrap_or(i32::MAX),
    }
}
