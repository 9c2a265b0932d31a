//! An inactivity run is started, once for each request id. The cutoff is frozen here.

use chappe_ids::{ProjectId, RunId};
use chappe_kit::{
    Error, Timestamp,
    grpc::{call, caller::project_of},
};
use chappe_proto::{identity::GetProjectRequest, privacy as pb};

use super::convert;
use crate::{
    app::App,
    domain::{audit::Event, period, run::Run},
    job, store,
};

pub(super) async fn handle(
    app: &App,
    request: tonic::Request<pb::StartInactivityRunRequest>,
) -> Result<pb::StartInactivityRunResponse, Error> {
    let project = project_of(&request)?;
    let message = request.into_inner();
    let id = match message.request_id.as_str() {
        "" => RunId::from_uuid(app.runtime.ids.uuid()),
        id => id
            .parse()
            .map_err(|_| Error::invalid_field("request_id", "must be a UUID"))?,
    };
    if message.max_ratio.is_some_and(|ratio| !(0.0..=1.0).contains(&ratio)) {
        return Err(Error::invalid_field("max_ratio", "must be from 0 to 1"));
    }
    // A run that was started needs no settings any more.
    let run = match store::run::get(app.db.read(), project, id).await? {
        Some(run) => run,
        None => start(app, project, id, &message).await?,
    };
    Ok(pb::StartInactivityRunResponse {
        run: Some(convert::run(run)),
    })
}

async fn start(
    app: &App,
    project: ProjectId,
    id: RunId,
    message: &pb::StartInactivityRunRequest,
) -> Result<Run, Error> {
    let period = period_of(app, project).await?;
    let now = app.runtime.clock.now();
    let as_of = message.as_of.map_or(now, Timestamp::from);
    let run = Run {
        is_dry: message.dry_run,
        max_ratio: message.max_ratio,
        ..Run::new(project, id, now, period::cutoff(&period, as_of)?)
    };
    let started = app
        .db
        .write(async |txn| {
            if store::run::insert(txn, &run).await? {
                let record = store::audit::Record {
                    at: now,
                    event: Event::RunStarted,
                    subject: id.as_uuid(),
                    target_hash: &[],
                    detail: serde_json::json!({
                        "as_of": as_of.to_rfc3339(),
                        "period": period,
                        "cutoff": run.cutoff.to_rfc3339(),
                        "dry_run": run.is_dry,
                        "max_ratio": run.max_ratio,
                    }),
                };
                store::audit::append(txn, &app.keys.audit, project, record).await?;
            }
            store::run::get(txn, project, id).await
        })
        .await?;
    app.coordination.hints.notify(job::inactivity::TOPIC);
    started.ok_or_else(|| Error::internal("the run that was inserted is not there"))
}

async fn period_of(app: &App, project: ProjectId) -> Result<String, Error> {
    let answer = app
        .identity
        .clone()
        .get_project(call(project, GetProjectRequest {}))
        .await?;
    let settings = answer.into_inner().project.and_then(|project| project.settings);
    let settings = settings.ok_or_else(|| Error::internal("identity gave a project without settings"))?;
    Ok(settings.inactivity_period)
}
