use chappe_kit::{
    Error, Timestamp,
    grpc::{
        caller::{Caller, project_of},
        context,
    },
};
use chappe_proto::profile as pb;
use tonic::Request;

use super::{apply_edits, convert};
use crate::{
    App,
    domain::edit::{Edit, Origin},
    store::{self, batch::Batch},
};

/// Items in one call, as the contract says.
const MAX_ITEMS: usize = 1_000;

pub(super) async fn handle(
    app: &App,
    request: Request<pb::ReportEngagementRequest>,
) -> Result<pb::ReportEngagementResponse, Error> {
    Caller::of(&request)?.require_service()?;
    let project = project_of(&request)?;
    let now = app.runtime.clock.now();
    let items = request.into_inner().items;
    convert::at_most("items", items.len(), MAX_ITEMS)?;
    let items = items.into_iter().enumerate();
    let edits: Result<Vec<_>, _> = items
        .map(|(index, item)| edit(&format!("items[{index}]"), item, now))
        .collect();
    let edits = edits?;
    let profiles = apply_edits::named(app, project, &edits);
    let traceparent = context::kept_trace();
    let batch = Batch {
        project,
        origin: Origin::Native,
        accepted_at: now,
        traceparent: traceparent.as_deref(),
        edits: &edits,
        profiles: &profiles,
    };
    let outcome = app.db.write(async |txn| store::batch::apply(txn, &batch).await).await?;
    apply_edits::announce(app, &outcome);
    Ok(pb::ReportEngagementResponse {})
}

/// What a person did counts from when Chappe saw it, which is the event's own time, however late the report.
fn edit(field: &str, item: pb::Engagement, now: Timestamp) -> Result<Edit, Error> {
    let field = |name: &str| format!("{field}.{name}");
    let event = item
        .event
        .ok_or_else(|| Error::invalid_field(field("event"), "is missing"))?;
    let event = convert::event(&field("event"), event)?;
    Ok(Edit {
        profile: convert::id(&field("profile_id"), &item.profile_id)?,
        custom_id: None,
        attributes: Vec::new(),
        active_at: item.activity.then(|| event.time.min(now)),
        events: vec![event],
    })
}
