use std::collections::HashMap;

use chappe_kit::{Error, grpc::caller::project_of};
use chappe_proto::types::{ListResourcesRequest, ListResourcesResponse, Resource};
use tonic::Request;

use super::{KIND, require_kind};
use crate::{app::App, store::definitions};

pub(super) async fn handle(app: &App, request: Request<ListResourcesRequest>) -> Result<ListResourcesResponse, Error> {
    let project = project_of(&request)?;
    let ListResourcesRequest { kind, name } = request.into_inner();
    require_kind(&kind)?;
    let mut automations = definitions::current(app.db.read(), &[project]).await?;
    automations.retain(|automation| name.is_empty() || automation.name == name);
    let keys: Vec<_> = automations.iter().map(|now| (project, now.id, now.version)).collect();
    let mut specs: HashMap<_, _> = definitions::specs(app.db.read(), &keys).await?.into_iter().collect();
    let resources = automations.into_iter().filter_map(|now| {
        // Deleted between the two statements.
        let spec = specs.remove(&(project, now.id, now.version))?;
        Some(Resource {
            kind: KIND.to_owned(),
            name: now.name,
            spec: Some(chappe_proto::to_struct(&spec)),
            version: now.version,
        })
    });
    Ok(ListResourcesResponse {
        resources: resources.collect(),
    })
}
