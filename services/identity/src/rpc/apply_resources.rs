//! `kind: Project`: the settings of the project of the call.

use chappe_kit::{Error, grpc::caller::project_of};
use chappe_proto::{
    from_struct,
    types::{ApplyAction, ApplyResourcesRequest, ApplyResourcesResponse, ApplyResult, Fault, Resource},
};
use tonic::Request;

use super::projects::KIND;
use crate::{
    App,
    domain::settings::{self, Settings},
    store::{self, project::Project},
};

pub(super) async fn handle(
    app: &App,
    request: Request<ApplyResourcesRequest>,
) -> Result<ApplyResourcesResponse, Error> {
    let id = project_of(&request)?;
    let request = request.into_inner();
    let project = store::project::by_id(app.db.read(), id)
        .await?
        .ok_or_else(|| Error::not_found("project"))?;

    let wanted: Vec<_> = request
        .resources
        .iter()
        .map(|resource| check(&project, resource))
        .collect();
    if wanted.iter().any(Result::is_err) {
        return Ok(ApplyResourcesResponse {
            results: wanted.into_iter().map(faulty).collect(),
        });
    }
    let mut results = Vec::with_capacity(wanted.len());
    for settings in wanted.into_iter().flatten() {
        let changed = settings != project.settings;
        if changed && !request.validate_only {
            app.db
                .write(async |txn| store::project::configure(txn, id, &settings).await)
                .await?;
        }
        let action = if changed {
            ApplyAction::Configured
        } else {
            ApplyAction::Unchanged
        };
        results.push(ApplyResult {
            action: action.into(),
            faults: Vec::new(),
        });
    }
    Ok(ApplyResourcesResponse { results })
}

fn check(project: &Project, resource: &Resource) -> Result<Settings, Vec<Fault>> {
    let fault = |path: &str, message: String| {
        vec![Fault {
            path: path.to_owned(),
            message,
        }]
    };
    if resource.kind != KIND {
        return Err(fault(
            "kind",
            format!("{} is not a kind that identity owns", resource.kind),
        ));
    }
    if resource.name != project.name {
        let message = format!("the keys in use open the project {}: name that one", project.name);
        return Err(fault("metadata.name", message));
    }
    let spec = resource.spec.as_ref().map(from_struct).unwrap_or_default();
    let faults = |faults: Vec<(String, String)>| {
        faults
            .into_iter()
            .map(|(path, message)| Fault { path, message })
            .collect()
    };
    settings::parse(&spec).map_err(faults)
}

fn faulty(checked: Result<Settings, Vec<Fault>>) -> ApplyResult {
    ApplyResult {
        action: ApplyAction::Unspecified.into(),
        faults: checked.err().unwrap_or_default(),
    }
}
