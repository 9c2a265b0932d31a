//! The hot path: one transaction of at most nine statements, however many edits and events.

use std::collections::BTreeMap;

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{
    Error, Timestamp,
    grpc::{caller::project_of, context},
};
use chappe_proto::profile as pb;
use chappe_store::idempotency::{self, Begin};
use sea_orm::DatabaseTransaction;
use tonic::Request;

use super::convert;
use crate::{
    App,
    domain::{
        edit::{Edit, Origin},
        fold::Outcome,
    },
    store::{self, batch::Batch, known::Named},
    telemetry,
};

/// Edits in one call, as the contract says.
const MAX_EDITS: usize = 1_000;

/// Events in one call, as the contract says.
const MAX_EVENTS: usize = 15_000;

/// Keys of idempotent calls are kept apart by method.
const SCOPE: &str = "ApplyEdits";

/// The topic that wakes those who wait for the feed.
pub(super) const FEED: &str = "feed";

enum Done<'a> {
    Applied(Outcome<'a>),
    Repeated(Vec<u8>),
}

pub(super) async fn handle(
    app: &App,
    request: Request<pb::ApplyEditsRequest>,
) -> Result<pb::ApplyEditsResponse, Error> {
    let project = project_of(&request)?;
    let request = request.into_inner();
    let now = app.runtime.clock.now();
    let accepted_at = request.accepted_at.map_or(now, Timestamp::from);
    let origin = if request.backfill {
        Origin::Backfill
    } else {
        Origin::Live
    };
    let call = request.idempotency;
    let edits = edits(request.edits, origin, accepted_at)?;
    let profiles = named(app, project, &edits);
    let traceparent = context::kept_trace();
    let batch = Batch {
        project,
        origin,
        accepted_at,
        traceparent: traceparent.as_deref(),
        edits: &edits,
        profiles: &profiles,
    };

    let done = app.db.write(async |txn| match &call {
        None => apply(txn, &batch).await.map(Done::Applied),
        Some(call) => apply_once(txn, &batch, call, now).await,
    });
    match done.await? {
        Done::Repeated(response) => Ok(pb::ApplyEditsResponse {
            results: Vec::new(),
            replayed_response: response.into(),
        }),
        Done::Applied(outcome) => {
            announce(app, &outcome);
            Ok(pb::ApplyEditsResponse {
                results: outcome.results.iter().map(convert::result_to_proto).collect(),
                replayed_response: Vec::new().into(),
            })
        }
    }
}

fn edits(edits: Vec<pb::ProfileEdit>, origin: Origin, accepted_at: Timestamp) -> Result<Vec<Edit>, Error> {
    convert::at_most("edits", edits.len(), MAX_EDITS)?;
    convert::at_most(
        "edits.events",
        edits.iter().map(|edit| edit.events.len()).sum(),
        MAX_EVENTS,
    )?;
    let numbered = edits.into_iter().enumerate();
    numbered
        .map(|(index, edit)| convert::edit(&format!("edits[{index}]"), edit, origin, accepted_at))
        .collect()
}

/// The profiles of the edits, each once and in order, with the hash by which a custom id is blocked.
pub(super) fn named(app: &App, project: ProjectId, edits: &[Edit]) -> Vec<Named> {
    let mut named: BTreeMap<ProfileId, Option<[u8; 32]>> = BTreeMap::new();
    for edit in edits {
        let subject = named.entry(edit.profile).or_default();
        if subject.is_none() {
            *subject = edit
                .custom_id
                .as_deref()
                .map(|custom_id| app.block_hash(project, custom_id));
        }
    }
    named.into_iter().collect()
}

async fn apply<'a>(txn: &DatabaseTransaction, batch: &Batch<'a>) -> Result<Outcome<'a>, Error> {
    let outcome = store::batch::apply(txn, batch).await?;
    store::activity::note_write(txn, batch.project, batch.accepted_at).await?;
    Ok(outcome)
}

/// The key is spent only when every edit was applied. While some have to be sent again for another profile, the
/// whole call can be: its events keep their ids.
async fn apply_once<'a>(
    txn: &DatabaseTransaction,
    batch: &Batch<'a>,
    call: &pb::Idempotency,
    now: Timestamp,
) -> Result<Done<'a>, Error> {
    let project = batch.project;
    let begun = idempotency::begin(txn, project, SCOPE, &call.key, &call.fingerprint, now).await?;
    if let Begin::Replay(response) = begun {
        return Ok(Done::Repeated(response));
    }
    let outcome = apply(txn, batch).await?;
    if outcome.is_final() {
        idempotency::finish(txn, project, SCOPE, &call.key, &call.response).await?;
    } else {
        store::call::release(txn, project, SCOPE, &call.key).await?;
    }
    Ok(Done::Applied(outcome))
}

/// Counts what was committed, and wakes who waits for it.
pub(super) fn announce(app: &App, outcome: &Outcome<'_>) {
    telemetry::applied(outcome);
    if !outcome.feed.is_empty() {
        app.coordination.hints.notify(FEED);
    }
}
