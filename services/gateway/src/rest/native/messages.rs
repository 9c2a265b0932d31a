//! `GET /chappe/v1/messages?limit=&state=&custom_id=`: messages, newest first.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use chappe_ids::ProjectId;
use chappe_kit::{Error, grpc::call};
use chappe_proto::email::{ListMessagesRequest, Message, MessageState};
use serde_json::{Value as Json, json};

use super::{admit_reader, find_profile, plain, query};
use crate::{
    App,
    failure::malformed,
    rest::{Answer, answer},
};

const DEFAULT_LIMIT: i32 = 100;
const MAX_LIMIT: i32 = 1_000;

const STATES: [(MessageState, &str); 9] = [
    (MessageState::Queued, "queued"),
    (MessageState::Claimed, "claimed"),
    (MessageState::Attempting, "attempting"),
    (MessageState::Accepted, "accepted"),
    (MessageState::Deferred, "deferred"),
    (MessageState::Rejected, "rejected"),
    (MessageState::Unknown, "unknown"),
    (MessageState::Skipped, "skipped"),
    (MessageState::Cancelled, "cancelled"),
];

pub(super) async fn handle(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Answer {
    let project = admit_reader(&app, &headers).await?;
    let messages = match read(&app, project, &query(&uri)?).await? {
        Some(request) => {
            let listed = app
                .peers
                .email_sender
                .clone()
                .list_messages(call(project, request))
                .await;
            listed.map_err(Error::from)?.into_inner().messages
        }
        None => Vec::new(),
    };
    let messages: Vec<_> = messages.iter().map(message).collect();
    Ok(answer(StatusCode::OK, &json!({"messages": messages})))
}

/// What to ask for; nothing when it is about somebody who is not there.
async fn read(
    app: &App,
    project: ProjectId,
    query: &HashMap<String, String>,
) -> Result<Option<ListMessagesRequest>, Error> {
    let page_size = query.get("limit").map_or(Some(DEFAULT_LIMIT), |text| text.parse().ok());
    let page_size = page_size
        .filter(|size| (1..=MAX_LIMIT).contains(size))
        .ok_or_else(|| malformed("limit", "must be a number from 1 to 1000"))?;
    let state = query
        .get("state")
        .map_or(Ok(MessageState::Unspecified), |text| state(text))?;
    let profile_id = match query.get("custom_id") {
        None => String::new(),
        Some(custom_id) => match find_profile(app, project, custom_id).await? {
            Some(profile) => profile.to_string(),
            None => return Ok(None),
        },
    };
    Ok(Some(ListMessagesRequest {
        profile_id,
        page_size,
        state: state.into(),
    }))
}

fn state(text: &str) -> Result<MessageState, Error> {
    let known = STATES.iter().find(|(_, name)| *name == text);
    known.map(|(state, _)| *state).ok_or_else(|| {
        let names = STATES.map(|(_, name)| name);
        malformed("state", &format!("must be one of {}", names.join(", ")))
    })
}

fn message(message: &Message) -> Json {
    let state = STATES.iter().find(|(state, _)| *state == message.state());
    json!({
        "message_id": message.message_id,
        "profile_id": message.profile_id,
        "state": state.map(|(_, name)| name),
        "reason": plain::text(&message.reason),
        "template": message.template,
        "orchestration_id": message.orchestration_id,
        "step": message.step,
        "enqueued_at": plain::instant(message.enqueued_at),
        "finished_at": plain::instant(message.finished_at),
        "event_accepted_at": plain::instant(message.event_accepted_at),
        "attempts": message.attempts,
    })
}
