//! Projects, read.

use chappe_kit::{
    Error,
    grpc::caller::{Caller, project_of},
};
use chappe_proto::{
    identity::{
        AppKeys, GetProjectRequest, GetProjectResponse, ListProjectsRequest, ListProjectsResponse, Project,
        ProjectSettings,
    },
    to_struct,
    types::{ListResourcesRequest, ListResourcesResponse, Resource},
};
use tonic::Request;

use crate::{App, domain::settings, store};

/// The one kind of resource that identity owns.
pub(super) const KIND: &str = "Project";

pub(super) async fn get(app: &App, request: &Request<GetProjectRequest>) -> Result<GetProjectResponse, Error> {
    let id = project_of(request)?;
    let project = store::project::by_id(app.db.read(), id)
        .await?
        .ok_or_else(|| Error::not_found("project"))?;
    Ok(GetProjectResponse {
        project: Some(full(app, project).await?),
    })
}

pub(super) async fn list(app: &App, request: &Request<ListProjectsRequest>) -> Result<ListProjectsResponse, Error> {
    Caller::of(request)?.require_service()?;
    let mut projects = Vec::new();
    for project in store::project::all(app.db.read()).await? {
        projects.push(full(app, project).await?);
    }
    Ok(ListProjectsResponse { projects })
}

pub(super) async fn list_resources(
    app: &App,
    request: Request<ListResourcesRequest>,
) -> Result<ListResourcesResponse, Error> {
    let id = project_of(&request)?;
    let request = request.into_inner();
    let project = store::project::by_id(app.db.read(), id).await?;
    let matching =
        project.filter(|project| request.kind == KIND && (request.name.is_empty() || request.name == project.name));
    let resources = matching.map(|project| Resource {
        kind: KIND.to_owned(),
        spec: Some(to_struct(&settings::to_spec(&project.settings))),
        name: project.name,
        version: project.version,
    });
    Ok(ListResourcesResponse {
        resources: resources.into_iter().collect(),
    })
}

async fn full(app: &App, project: store::project::Project) -> Result<Project, Error> {
    let mut keys = AppKeys::default();
    for app in store::key::apps_of(app.db.read(), project.id).await? {
        match app.platform.as_str() {
            "ios" => keys.ios = app.key,
            "android" => keys.android = app.key,
            _ => keys.web = app.key,
        }
    }
    Ok(Project {
        project_id: project.id.to_string(),
        project_key: project.key,
        name: project.name,
        app_keys: Some(keys),
        settings: Some(ProjectSettings {
            timezone: project.settings.timezone,
            inactivity_period: project.settings.inactivity_period,
            event_retention: project.settings.event_retention,
        }),
    })
}
