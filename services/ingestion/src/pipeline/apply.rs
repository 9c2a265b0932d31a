//! Everything in one transaction of profile-store.

use bytes::Bytes;
use chappe_ids::{EventId, ProfileId};
use chappe_kit::{Error, grpc::call as for_project};
use chappe_proto::profile::{ApplyEditsRequest, EditState, Idempotency, ProfileEdit};

use super::resolve::{Pending, Resolved};
use crate::{App, domain::validate::Call, rpc};

/// What one round did.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) events_applied: i64,
    pub(super) events_duplicate: i64,
    /// Events that are now in the store, and that the client may send again.
    pub(super) committed: Vec<(ProfileId, EventId)>,
    /// Edits whose profile was gone or had moved.
    pub(super) retired: Vec<Pending>,
    pub(super) replayed: Option<Bytes>,
}

pub(super) async fn apply(
    app: &App,
    call: &Call<'_>,
    edits: Vec<Resolved>,
    idempotency: Option<Idempotency>,
) -> Result<Round, Error> {
    let request = ApplyEditsRequest {
        edits: edits.iter().map(edit).collect(),
        accepted_at: Some(call.now.into()),
        backfill: call.backfill,
        idempotency,
    };
    let mut store = app.profile_store.clone();
    let response = store
        .apply_edits(for_project(call.project, request))
        .await?
        .into_inner();
    if !response.replayed_response.is_empty() {
        return Ok(Round {
            replayed: Some(response.replayed_response),
            ..Round::default()
        });
    }
    let mut applied = Round::default();
    for (resolved, result) in edits.into_iter().zip(response.results) {
        match result.state() {
            EditState::Gone | EditState::Moved => applied.retired.push(Pending {
                retired: Some(resolved.profile),
                moved_to: Some(result.moved_to_profile_id)
                    .filter(|id| !id.is_empty())
                    .and_then(|id| id.parse().ok()),
                ..resolved.pending
            }),
            EditState::Applied | EditState::Unspecified => {
                applied.events_applied += i64::from(result.events_applied);
                applied.events_duplicate += i64::from(result.events_duplicate);
                let named = resolved.pending.edit.events.iter().filter_map(|event| event.id);
                applied.committed.extend(named.map(|event| (resolved.profile, event)));
            }
        }
    }
    Ok(applied)
}

fn edit(resolved: &Resolved) -> ProfileEdit {
    let Pending { edit, event_ids, .. } = &resolved.pending;
    let attributes = edit.attributes.iter().cloned();
    ProfileEdit {
        profile_id: resolved.profile.to_string(),
        custom_id: resolved.custom_id.clone(),
        attributes: attributes
            .map(|(name, change)| rpc::attribute_edit(name, change))
            .collect(),
        events: event_ids
            .iter()
            .zip(&edit.events)
            .map(|(id, event)| rpc::event(*id, event))
            .collect(),
    }
}
