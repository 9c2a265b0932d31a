//! Who is inactive is counted, and every brake is tried.

use std::time::Duration;

use chappe_ids::ProjectId;
use chappe_kit::{
    Error, Timestamp,
    grpc::{call, peer::with_deadline},
};
use chappe_proto::profile::{PlanInactivityRequest, PlanInactivityResponse};

use super::{Fence, save};
use crate::{
    app::App,
    domain::{
        brakes::{self, Limits, Numbers},
        run::{Run, State},
    },
};

/// How long counting a large project may take.
const DEADLINE: Duration = Duration::from_secs(30);

pub(super) async fn step(app: &App, fence: &Fence, run: &mut Run) -> Result<(), Error> {
    let plan = count(app, run.project, run.cutoff).await?;
    let database_time = plan.database_time.map(Timestamp::from);
    let numbers = Numbers {
        population: plan.population,
        candidates: plan.candidates,
        newest_accepted_at: plan.newest_accepted_at.map(Timestamp::from),
        database_time: database_time.ok_or_else(|| Error::internal("a plan without the database's time"))?,
        now: app.runtime.clock.now(),
        cutoff: run.cutoff,
        kill_switch: app.config.kill_switch,
    };
    let limits = limits(app, run);
    run.population = plan.population;
    run.candidates = plan.candidates;
    run.allowed = brakes::allowance(plan.population, &limits);
    run.brakes = brakes::evaluate(&numbers, &limits);
    run.state = if run.is_dry || run.candidates == 0 {
        State::Succeeded
    } else if run.brakes.iter().any(|brake| brake.tripped) {
        State::Held
    } else {
        State::Planned
    };
    save(app, fence, run).await
}

/// Asks profile-store to count.
pub(super) async fn count(app: &App, project: ProjectId, cutoff: Timestamp) -> Result<PlanInactivityResponse, Error> {
    let request = PlanInactivityRequest {
        cutoff: Some(cutoff.into()),
    };
    let request = with_deadline(call(project, request), DEADLINE);
    Ok(app.profile_store.clone().plan_inactivity(request).await?.into_inner())
}

fn limits(app: &App, run: &Run) -> Limits {
    let brakes = &app.config.brakes;
    Limits {
        ratio: run.max_ratio.unwrap_or(brakes.max_ratio),
        deletions: i64::from(brakes.max_deletions),
        silence: brakes.max_silence(),
        clock_drift: brakes.max_clock_drift(),
    }
}
