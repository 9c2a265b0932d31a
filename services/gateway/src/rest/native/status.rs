//! `GET /chappe/v1/status`: counts of the project.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use chappe_kit::grpc::{call, retrying};
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
    let profiles = retrying(|| {
        let mut peer = app.peers.profile_store.clone();
        async move { peer.get_counts(call(project, ProfileRequest {})).await }
    });
    let messages = retrying(|| {
        let mut peer = app.peers.email_sender.clone();
        async move { peer.get_counts(call(project, EmailRequest {})).await }
    });
    let automations = retrying(|| {
        let mut peer = app.peers.automation.clone();
        async move { peer.get_counts(call(project, AutomationRequest {})).await }
    });
    let (profiles, messages, automations) = tokio::try_join!(profiles, messages, automations)?;
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
