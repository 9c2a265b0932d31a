//! The requests of a project are listed.

use std::{collections::HashMap, time::Duration};

use chappe_ids::RequestId;
use chappe_kit::{Error, grpc::caller::project_of};
use chappe_proto::privacy as pb;

use super::convert;
use crate::{app::App, domain::request::Report, store};

/// How far back the list goes (Batch's API).
const LISTED_FOR: Duration = Duration::from_hours(24 * 30);
/// Requests in one list, as documented in the contract.
const MAX_REQUESTS: i64 = 10_000;

pub(super) async fn handle(
    app: &App,
    request: &tonic::Request<pb::ListRequestsRequest>,
) -> Result<pb::ListRequestsResponse, Error> {
    let project = project_of(request)?;
    let now = app.runtime.clock.now();
    let requests = store::request::list(app.db.read(), project, now - LISTED_FOR, MAX_REQUESTS).await?;
    let ids: Vec<RequestId> = requests.iter().map(|request| request.id).collect();
    let mut reports: HashMap<RequestId, Vec<Report>> = HashMap::new();
    for (id, report) in store::participant::of_requests(app.db.read(), project, &ids).await? {
        reports.entry(id).or_default().push(report);
    }
    let listed = requests.into_iter().map(|request| {
        let reports = reports.remove(&request.id).unwrap_or_default();
        convert::request(app, project, request, reports, now)
    });
    Ok(pb::ListRequestsResponse {
        requests: listed.collect(),
    })
}
