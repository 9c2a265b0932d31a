//! The public contract: one line per method, one file per use-case.

mod apply_resources;
mod authenticate;
mod create_project;
mod create_rest_key;
mod projects;
mod resolve;
mod unlink_profiles;

use chappe_proto::{
    identity::{self as pb, identity_service_server::IdentityService},
    types::{ApplyResourcesRequest, ApplyResourcesResponse, ListResourcesRequest, ListResourcesResponse},
};
use tonic::{Request, Response, Status, async_trait};

use crate::App;

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl IdentityService for App {
    async fn resolve(&self, request: Request<pb::ResolveRequest>) -> Answer<pb::ResolveResponse> {
        Ok(Response::new(resolve::handle(self, request).await?))
    }

    async fn authenticate(&self, request: Request<pb::AuthenticateRequest>) -> Answer<pb::AuthenticateResponse> {
        Ok(Response::new(authenticate::handle(self, request).await?))
    }

    async fn create_project(&self, request: Request<pb::CreateProjectRequest>) -> Answer<pb::CreateProjectResponse> {
        Ok(Response::new(create_project::handle(self, request).await?))
    }

    async fn create_rest_key(&self, request: Request<pb::CreateRestKeyRequest>) -> Answer<pb::CreateRestKeyResponse> {
        Ok(Response::new(create_rest_key::handle(self, &request).await?))
    }

    async fn get_project(&self, request: Request<pb::GetProjectRequest>) -> Answer<pb::GetProjectResponse> {
        Ok(Response::new(projects::get(self, &request).await?))
    }

    async fn list_projects(&self, request: Request<pb::ListProjectsRequest>) -> Answer<pb::ListProjectsResponse> {
        Ok(Response::new(projects::list(self, &request).await?))
    }

    async fn unlink_profiles(&self, request: Request<pb::UnlinkProfilesRequest>) -> Answer<pb::UnlinkProfilesResponse> {
        Ok(Response::new(unlink_profiles::handle(self, request).await?))
    }

    async fn apply_resources(&self, request: Request<ApplyResourcesRequest>) -> Answer<ApplyResourcesResponse> {
        Ok(Response::new(apply_resources::handle(self, request).await?))
    }

    async fn list_resources(&self, request: Request<ListResourcesRequest>) -> Answer<ListResourcesResponse> {
        Ok(Response::new(projects::list_resources(self, request).await?))
    }
}
