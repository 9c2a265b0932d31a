//! `POST /chappe/v1/imports/events`: history. Events may be old, name themselves by a UUID, and trigger nothing.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
};
use chappe_kit::Error;
use chappe_proto::{
    ingestion::{ProfileUpdate, UpdateError},
    types::{Identifier, RawObject, RawValue, identifier, raw_value::Kind},
};
use serde_json::{Value as Json, json};

use super::{admit, plain};
use crate::{
    App,
    body::{self, MIB},
    failure::{malformed, missing},
    rest::{Admitted, Answer, answer},
    updates::{self, MAX_EVENTS, Terms, shallow},
};

/// Largest body, in bytes.
const MAX_BODY: usize = 16 * MIB;
/// Items in one body.
const MAX_ITEMS: usize = 1_000;

pub(super) async fn handle(State(app): State<Arc<App>>, request: Request) -> Answer {
    let Admitted { project, body, .. } = admit(&app, request, MAX_BODY).await?;
    let items = parse(&body)?;
    drop(body);
    let terms = Terms {
        project,
        idempotency_key: None,
        backfill: true,
    };
    let outcome = updates::apply(&app, &terms, items).await?;
    let body = json!({
        "applied": outcome.applied,
        "duplicates": outcome.duplicates,
        "rejected": outcome.refused,
        "errors": outcome.errors.iter().map(error).collect::<Vec<_>>(),
    });
    Ok(answer(StatusCode::OK, &body))
}

fn error(error: &UpdateError) -> Json {
    json!({"item": error.bulk_index, "reason": error.reason, "attribute": plain::text(&error.attribute)})
}

fn parse(bytes: &[u8]) -> Result<Vec<ProfileUpdate>, Error> {
    let document: RawValue = body::json(bytes)?;
    let Some(Kind::ObjectValue(object)) = document.kind else {
        return Err(malformed("body", "must be an object"));
    };
    let items = match field(object, "items").and_then(|value| value.kind) {
        None => return Err(missing("items")),
        Some(Kind::ListValue(list)) => list.items,
        Some(_) => return Err(malformed("items", "must be an array")),
    };
    if items.len() > MAX_ITEMS {
        return Err(malformed("items", &format!("must hold at most {MAX_ITEMS} items")));
    }
    let mut events = 0;
    let mut updates = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let (update, count) = update(index, item)?;
        events += count;
        updates.push(update);
    }
    if events > MAX_EVENTS {
        return Err(malformed(
            "items",
            &format!("must hold at most {MAX_EVENTS} events in all"),
        ));
    }
    Ok(updates)
}

fn update(index: usize, item: RawValue) -> Result<(ProfileUpdate, usize), Error> {
    let path = format!("items[{index}]");
    let Some(Kind::ObjectValue(object)) = item.kind else {
        return Err(malformed(&path, "must be an object"));
    };
    let (mut custom_id, mut events) = (None, None);
    for field in object.fields {
        match field.key.as_str() {
            "custom_id" => custom_id = field.value.and_then(|value| value.kind),
            "events" => events = field.value.and_then(|value| value.kind),
            _ => {}
        }
    }
    let custom_id = match custom_id {
        None => return Err(missing(&format!("{path}.custom_id"))),
        Some(Kind::StringValue(text)) => text,
        Some(_) => return Err(malformed(&format!("{path}.custom_id"), "must be a string")),
    };
    let count = match &events {
        None => 0,
        Some(Kind::ListValue(list)) => list.items.len(),
        Some(_) => return Err(malformed(&format!("{path}.events"), "must be an array")),
    };
    let update = ProfileUpdate {
        identifier: Some(Identifier {
            kind: Some(identifier::Kind::CustomId(custom_id)),
        }),
        attributes: None,
        events: events.map(|kind| shallow(RawValue { kind: Some(kind) })),
    };
    Ok((update, count))
}

fn field(object: RawObject, key: &str) -> Option<RawValue> {
    object.fields.into_iter().rev().find(|field| field.key == key)?.value
}
