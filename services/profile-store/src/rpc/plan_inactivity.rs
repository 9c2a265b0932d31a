use chappe_kit::{
    Error,
    grpc::caller::{Caller, project_of},
};
use chappe_proto::profile as pb;
use tonic::Request;

use super::convert;
use crate::{App, store};

pub(super) async fn handle(
    app: &App,
    request: &Request<pb::PlanInactivityRequest>,
) -> Result<pb::PlanInactivityResponse, Error> {
    Caller::of(request)?.require_service()?;
    let project = project_of(request)?;
    let cutoff = convert::instant("cutoff", request.get_ref().cutoff)?;
    let plan = store::inactive::plan(app.db.read(), project, cutoff).await?;
    Ok(pb::PlanInactivityResponse {
        population: plan.population,
        candidates: plan.candidates,
        newest_accepted_at: plan.newest_accepted_at.map(Into::into),
        database_time: Some(plan.database_time.into()),
    })
}
