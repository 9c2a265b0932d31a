//! One batch: deleted in profile-store, erased wherever else something is kept of it, unlinked in identity, and only
//! then counted here.
//!
//! A worker that dies in between leaves the cursor where it was. The next one asks for the same batch of the same
//! run, and profile-store answers what it answered before: the same profiles are erased and unlinked, and counted
//! once. Identity is last: as long as something is left of a profile, a removal must find it.

use std::time::Duration;

use chappe_kit::{
    Error,
    grpc::{call, peer::with_deadline},
};
use chappe_proto::{
    identity::UnlinkProfilesRequest,
    privacy::{EraseSubjectRequest, Subject},
    profile::{DeleteInactiveRequest, DeleteInactiveResponse},
};

use super::{Fence, plan, save};
use crate::{
    app::App,
    domain::{
        brakes::{self, Brake},
        run::{Run, State},
    },
    telemetry,
};

/// How long a service may take for a batch.
const DEADLINE: Duration = Duration::from_secs(30);
/// Participants with a method of their own for a batch.
const ASKED_OTHERWISE: [&str; 2] = ["identity", "profile-store"];

pub(super) async fn step(app: &App, fence: &Fence, run: &mut Run) -> Result<(), Error> {
    if app.config.kill_switch {
        return halt(app, fence, run, brakes::kill_switch(true)).await;
    }
    let room = run.allowed - run.deleted;
    if room <= 0 {
        return stop_at_allowance(app, fence, run).await;
    }
    let batch = delete(app, run, room).await?;
    let deleted = batch.profile_ids.len();
    erase(app, run, &batch.profile_ids).await?;
    unlink(app, run, batch.profile_ids).await?;
    run.deleted += i64::try_from(deleted).unwrap_or(i64::MAX);
    run.state = if batch.next_after_profile_id.is_empty() {
        State::Succeeded
    } else {
        State::Deleting
    };
    run.after = batch.next_after_profile_id;
    save(app, fence, run).await?;
    telemetry::profiles_deleted(deleted as u64);
    Ok(())
}

async fn delete(app: &App, run: &Run, room: i64) -> Result<DeleteInactiveResponse, Error> {
    let limit = i64::from(app.config.batch_size).min(room);
    let request = DeleteInactiveRequest {
        cutoff: Some(run.cutoff.into()),
        after_profile_id: run.after.clone(),
        limit: i32::try_from(limit).map_err(Error::internal)?,
        run_id: run.id.to_string(),
    };
    let request = with_deadline(call(run.project, request), DEADLINE);
    Ok(app.profile_store.clone().delete_inactive(request).await?.into_inner())
}

/// Erases what the other services keep under the ids of profiles that are gone: no removal could name them any more.
async fn erase(app: &App, run: &Run, profile_ids: &[String]) -> Result<(), Error> {
    if profile_ids.is_empty() {
        return Ok(());
    }
    // Without an identifier: what is kept by custom id stays, and nobody is kept away.
    let request = EraseSubjectRequest {
        subject: Some(Subject {
            identifier: None,
            profile_ids: profile_ids.to_vec(),
        }),
    };
    for participant in &app.participants {
        if ASKED_OTHERWISE.contains(&participant.name) {
            continue;
        }
        let request = with_deadline(call(run.project, request.clone()), DEADLINE);
        participant.client.clone().erase_subject(request).await?;
    }
    Ok(())
}

async fn unlink(app: &App, run: &Run, profile_ids: Vec<String>) -> Result<(), Error> {
    if profile_ids.is_empty() {
        return Ok(());
    }
    let request = UnlinkProfilesRequest { profile_ids };
    app.identity.clone().unlink_profiles(call(run.project, request)).await?;
    Ok(())
}

/// As many are deleted as the brakes allowed. More can have become inactive since, by an import of history.
async fn stop_at_allowance(app: &App, fence: &Fence, run: &mut Run) -> Result<(), Error> {
    let left = plan::count(app, run.project, run.cutoff).await?.candidates;
    if left > 0 {
        let used_up = brakes::used_up(run.deleted, run.allowed, left);
        return halt(app, fence, run, used_up).await;
    }
    run.state = State::Succeeded;
    save(app, fence, run).await
}

async fn halt(app: &App, fence: &Fence, run: &mut Run, brake: Brake) -> Result<(), Error> {
    run.brakes.retain(|planned| planned.name != brake.name);
    run.brakes.push(brake);
    run.state = State::Halted;
    save(app, fence, run).await
}
