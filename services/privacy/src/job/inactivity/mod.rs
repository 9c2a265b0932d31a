//! Inactivity runs go on, one batch at a time, under a lease of their project.
//!
//! PLANNING → PLANNED → HELD, SUCCEEDED (a dry run, or nobody to delete) or DELETING → SUCCEEDED or HALTED.

mod begin;
mod delete;
mod plan;

use std::{sync::Arc, time::Duration};

use chappe_ids::{ProjectId, RunId};
use chappe_kit::{BestEffort as _, Error};
use chappe_store::lease;
use futures_util::{StreamExt as _, stream};
use sea_orm::DatabaseTransaction;
use serde_json::json;

use super::Idle;
use crate::{
    app::App,
    domain::{
        audit::Event,
        backoff,
        run::{Run, State},
    },
    store, telemetry,
};

/// The topic of hints that there is a run.
pub(crate) const TOPIC: &str = "privacy.inactivity";
/// How long a lease lasts; each step takes it anew. A step that takes longer is fenced out if another replica takes over.
const LEASE_TTL: Duration = Duration::from_secs(10);
/// Projects worked on at a time by one replica.
const AT_A_TIME: usize = 4;

/// Works on runs until the shutdown.
pub(crate) async fn run(app: Arc<App>) {
    let mut idle = Idle::on(&app, TOPIC);
    while !app.runtime.lifecycle.is_stopping() {
        let worked = match work_due(&app).await {
            Ok(steps) => steps > 0,
            Err(error) => {
                error.log("looking for inactivity runs");
                false
            }
        };
        idle.rest(&app, worked).await;
    }
}

/// Takes the oldest open run of each project one step further. Tells how many steps were taken.
pub(crate) async fn work_due(app: &App) -> Result<usize, Error> {
    let due = store::run::due(app.db.read(), app.runtime.clock.now()).await?;
    let steps: Vec<Result<bool, Error>> = stream::iter(due)
        .map(|(project, run)| attend(app, project, run))
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    steps
        .into_iter()
        .try_fold(0, |taken, step| Ok(taken + usize::from(step?)))
}

/// The right to work on a project's runs.
struct Fence {
    lease: String,
    epoch: i64,
}

impl Fence {
    /// Lets `txn` go on only while the lease is ours.
    async fn check(&self, app: &App, txn: &DatabaseTransaction) -> Result<(), Error> {
        lease::fence(txn, &self.lease, app.owner, self.epoch).await
    }
}

async fn attend(app: &App, project: ProjectId, id: RunId) -> Result<bool, Error> {
    let name = format!("inactivity/{project}");
    let taken = app
        .db
        .write(async |txn| {
            let taken = lease::acquire(txn, &name, app.owner, LEASE_TTL).await?;
            Ok((taken, store::run::get(txn, project, id).await?))
        })
        .await?;
    let (Some(taken), Some(mut run)) = taken else {
        return Ok(false);
    };
    let fence = Fence {
        lease: name,
        epoch: taken.epoch,
    };
    if run.state.is_final() {
        return Ok(false);
    }
    let Err(error) = step(app, &fence, &mut run).await else {
        return Ok(true);
    };
    if error.reason() == lease::LOST {
        tracing::debug!(run.id = %id, "the inactivity run is another replica's work now");
    } else {
        failed(app, &fence, run, &error).await;
    }
    Ok(false)
}

async fn step(app: &App, fence: &Fence, run: &mut Run) -> Result<(), Error> {
    match run.state {
        State::Planning => plan::step(app, fence, run).await,
        State::Planned => begin::step(app, fence, run).await,
        State::Deleting => delete::step(app, fence, run).await,
        State::Held | State::Succeeded | State::Halted | State::Failed => Ok(()),
    }
}

/// What may pass is tried again later, everything else ends the run.
async fn failed(app: &App, fence: &Fence, mut run: Run, error: &Error) {
    error.log("an inactivity run");
    let now = app.runtime.clock.now();
    let written = if error.kind().is_retryable() {
        run.attempts += 1;
        let until = now + backoff::after(run.attempts);
        app.db
            .write(async |txn| {
                fence.check(app, txn).await?;
                store::run::postpone(txn, &run, until).await
            })
            .await
    } else {
        match store::run::get(app.db.read(), run.project, run.id).await {
            Ok(Some(mut stored)) => {
                stored.state = State::Failed;
                save(app, fence, &stored).await
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        }
    };
    written.best_effort("write down that an inactivity run failed");
}

/// Writes how far the run is, with the audit entry of what ended it, under the fence.
async fn save(app: &App, fence: &Fence, run: &Run) -> Result<(), Error> {
    let now = app.runtime.clock.now();
    app.db
        .write(async |txn| {
            fence.check(app, txn).await?;
            store::run::save(txn, run, now).await?;
            if !run.state.is_final() {
                return Ok(());
            }
            lease::release(txn, &fence.lease, app.owner, fence.epoch).await?;
            let event = match run.state {
                State::Held | State::Halted => Event::BrakeHeld,
                _ => Event::RunFinished,
            };
            let record = store::audit::Record {
                at: now,
                event,
                subject: run.id.as_uuid(),
                target_hash: &[],
                detail: json!({
                    "state": run.state.name(),
                    "dry_run": run.is_dry,
                    "cutoff": run.cutoff.to_rfc3339(),
                    "population": run.population,
                    "candidates": run.candidates,
                    "deleted": run.deleted,
                    "tripped": tripped(run).collect::<Vec<_>>(),
                }),
            };
            store::audit::append(txn, &app.keys.audit, run.project, record).await
        })
        .await?;
    if run.state.is_final() {
        telemetry::run_finished(run.state.name());
        if matches!(run.state, State::Held | State::Halted) {
            tripped(run).for_each(telemetry::brake_tripped);
        }
        tracing::info!(run.id = %run.id, run.state = run.state.name(), run.deleted, "an inactivity run has ended");
    }
    Ok(())
}

fn tripped(run: &Run) -> impl Iterator<Item = &str> {
    run.brakes
        .iter()
        .filter(|brake| brake.tripped)
        .map(|brake| brake.name.as_str())
}
