use chappe_kit::{Error, grpc::caller::project_of};
use chappe_proto::automation as pb;
use tonic::Request;

use crate::{
    app::App,
    domain::entry::End,
    store::{definitions, entries, feed},
};

pub(super) async fn handle(app: &App, request: &Request<pb::GetCountsRequest>) -> Result<pb::GetCountsResponse, Error> {
    let project = project_of(request)?;
    let counts = entries::counts(app.db.read(), project).await?;
    let automations = definitions::current(app.db.read(), &[project]).await?.into_iter();
    let automations = automations.map(|automation| {
        let mut counted = pb::AutomationCounts {
            name: automation.name,
            ..pb::AutomationCounts::default()
        };
        for (_, end, number) in counts.iter().filter(|(id, ..)| *id == automation.id) {
            match end {
                None => counted.live += number,
                Some(End::Completed) => counted.completed += number,
                Some(End::Cancelled) => counted.cancelled += number,
                Some(_) => counted.ended += number,
            }
        }
        counted
    });
    Ok(pb::GetCountsResponse {
        automations: automations.collect(),
        parked: feed::parked(app.db.read(), project).await?,
    })
}
