//! The public contract: one line per method, one file per use-case.

mod apply_resources;
mod delete_resource;
mod get_counts;
mod list_resources;

use chappe_kit::Error;
use chappe_proto::{
    automation::{self as pb, automation_service_server::AutomationService},
    types::{
        ApplyResourcesRequest, ApplyResourcesResponse, DeleteResourceRequest, DeleteResourceResponse,
        ListResourcesRequest, ListResourcesResponse,
    },
};
use tonic::{Request, Response, Status, async_trait};

use crate::app::App;

type Answer<T> = Result<Response<T>, Status>;

/// The kind of resource that this service owns.
const KIND: &str = "Automation";

#[async_trait]
impl AutomationService for App {
    async fn apply_resources(&self, request: Request<ApplyResourcesRequest>) -> Answer<ApplyResourcesResponse> {
        Ok(Response::new(apply_resources::handle(self, request).await?))
    }

    async fn list_resources(&self, request: Request<ListResourcesRequest>) -> Answer<ListResourcesResponse> {
        Ok(Response::new(list_resources::handle(self, request).await?))
    }

    async fn delete_resource(&self, request: Request<DeleteResourceRequest>) -> Answer<DeleteResourceResponse> {
        Ok(Response::new(delete_resource::handle(self, request).await?))
    }

    async fn get_counts(&self, request: Request<pb::GetCountsRequest>) -> Answer<pb::GetCountsResponse> {
        Ok(Response::new(get_counts::handle(self, &request).await?))
    }
}

fn require_kind(kind: &str) -> Result<(), Error> {
    if kind == KIND {
        return Ok(());
    }
    Err(Error::invalid(
        "UNKNOWN_KIND",
        format!("kind {kind} does not belong to this service; it knows {KIND}"),
    ))
}
