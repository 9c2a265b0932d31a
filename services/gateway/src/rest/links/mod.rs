//! Links in e-mails: opt-out, click, open. Their token is all the credential there is, and email-sender alone
//! decides whether it is good, so they work whatever else is down.

mod click;
mod open;
mod unsubscribe;

use axum::{
    http::{HeaderMap, header},
    routing::{get, post},
};
use chappe_kit::Error;
use chappe_proto::email::{HitKind, RecordHitRequest, RecordHitResponse};

use super::{Routes, both};
use crate::App;

/// User agents are told apart by their first words.
const MAX_USER_AGENT: usize = 512;

pub(super) fn routes() -> Routes {
    let routes = both(
        Routes::new(),
        "/u/{token}",
        get(unsubscribe::page).merge(post(unsubscribe::handle)),
    );
    let routes = both(routes, "/c/{token}", get(click::handle));
    both(routes, "/o/{token}", get(open::handle))
}

/// Records a hit, or only looks the token up. A hit that is counted twice because an answer was lost is better than
/// a person who does not get on.
async fn record(
    app: &App,
    kind: HitKind,
    token: String,
    lookup_only: bool,
    headers: &HeaderMap,
) -> Result<RecordHitResponse, Error> {
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let request = RecordHitRequest {
        kind: kind.into(),
        token,
        lookup_only,
        user_agent: user_agent.unwrap_or_default().chars().take(MAX_USER_AGENT).collect(),
    };
    let recorded = app
        .peers
        .email_sender
        .clone()
        .record_hit(tonic::Request::new(request))
        .await;
    Ok(recorded?.into_inner())
}
