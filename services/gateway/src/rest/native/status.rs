//! `GET /chappe/v1/status`: counts of the project.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use chappe_kit::{Error, grpc::call};
use chappe_proto::{
    automation::{AutomationCounts, GetCountsRequest as AutomationRequest},
    email::GetCountsRequest as EmailRequest,
    profile::GetCountsRequest as ProfileRequest,
};
use serde_json::json;

use super::admit_reader;
use crate::{
    App,
    rest::{Answer, answer},
};

pub(super) async fn handle(State(app): State<Arc<App>>, headers: HeaderMap) -> Answer {
    let project = admit_reader(&app, &headers).await?;
    let (mut store, mut sender, mut walks) = (
        app.peers.profile_store.clone(),
        app.peers.email_sender.clone(),
        app.peers.automation.clone(),
    );
    let counts = tokio::try_join!(
        store.get_counts(call(project, ProfileRequest {})),
        sender.get_counts(call(project, EmailRequest {})),
        walks.get_counts(call(project, AutomationRequest {})),
    );
    let (profiles, messages, automations) = counts.map_err(Error::from)?;
    let (profiles, messages, automations) = (profiles.into_inner(), messages.into_inner(), automations.into_inner());

    let skipped_by_reason: BTreeMap<_, _> = messages.skipped.into_iter().collect();
    let body = json!({
        "profiles": profiles.profiles,
        "events": profiles.events,
        "messages": {
            "queued": messages.queued,
            "sent": messages.sent,
            "deferred": messages.deferred,
            "bounced": messages.bounced,
            "skipped": skipped_by_reason.values().sum::<i64>(),
            "unknown": messages.unknown,
            "cancelled": messages.cancelled,
        },
        "skipped_by_reason": skipped_by_reason,
        "automations": automations.automations.iter().map(automation).collect::<Vec<_>>(),
        "parked": automations.parked,
    });
    Ok(answer(StatusCode::OK, &body))
}

fn automation(counts: &AutomationCounts) -> serde_json::Value {
    json!({
        "name": counts.name,
        "live": counts.live,
        "completed": counts.completed,
        "cancelled": counts.cancelled,
        "ended": counts.ended,
    })
}
