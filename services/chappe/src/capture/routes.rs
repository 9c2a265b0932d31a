//! `GET /dev/mailbox`: a page for people, JSON for scripts.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Captured, Mailbox};

const PAGE: &str = include_str!("mailbox.html");
/// Mails in one answer.
const PAGE_SIZE: usize = 500;

/// What the routes need.
#[derive(Clone)]
struct Dev {
    mailbox: Mailbox,
    rest_url: String,
    /// Asked for where REST listens beyond this machine.
    key: Option<String>,
}

/// The routes; `key` is the REST key where one is asked for.
pub(crate) fn routes(mailbox: Mailbox, rest_url: String, key: Option<String>) -> Router {
    Router::new()
        .route("/dev/mailbox", get(list))
        .route("/dev/mailbox/{id}/raw", get(raw))
        .with_state(Dev { mailbox, rest_url, key })
}

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    from: u64,
}

async fn list(State(dev): State<Dev>, Query(page): Query<From>, headers: HeaderMap) -> Response {
    if !dev.admits(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if accept.contains("text/html") {
        return Html(PAGE).into_response();
    }
    let messages: Vec<_> = dev
        .mailbox
        .messages_since(page.from)
        .into_iter()
        .take(PAGE_SIZE)
        .collect();
    let next_from = messages.last().map_or(page.from, |last| last.id + 1);
    let messages: Vec<Value> = messages.iter().map(|message| dev.json(message)).collect();
    Json(json!({ "messages": messages, "next_from": next_from })).into_response()
}

async fn raw(State(dev): State<Dev>, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    if !dev.admits(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match dev.mailbox.message(id) {
        Some(message) => ([(header::CONTENT_TYPE, "message/rfc822")], message.raw.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Dev {
    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(key) = &self.key else { return true };
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        // Digests of equal length take the same time to compare wherever they differ.
        let digest = chappe_kit::keys::digest;
        digest(given.as_bytes()) == digest(format!("Bearer {key}").as_bytes())
    }

    fn json(&self, message: &Captured) -> Value {
        let mut headers = Map::new();
        for (name, value) in &message.headers {
            headers.insert(name.clone(), Value::from(value.as_str()));
        }
        json!({
            "id": message.id,
            "received_at": message.received_at.to_rfc3339(),
            "from": message.from,
            "to": message.to,
            "subject": message.subject,
            "headers": headers,
            "text": message.text,
            "html": message.html,
            "raw_url": format!("{}/dev/mailbox/{}/raw", self.rest_url, message.id),
        })
    }
}
