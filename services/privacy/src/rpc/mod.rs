//! The public contract: one line per method, one file per use-case.

mod convert;
mod create_request;
mod get_archive;
mod get_inactivity_run;
mod get_request;
mod list_requests;
mod start_inactivity_run;

use chappe_proto::privacy::{self as pb, privacy_service_server::PrivacyService};
use tonic::{Request, Response, Status, async_trait};

use crate::app::App;

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl PrivacyService for App {
    type GetArchiveStream = get_archive::Chunks;

    async fn create_request(&self, request: Request<pb::CreateRequestRequest>) -> Answer<pb::CreateRequestResponse> {
        Ok(Response::new(create_request::handle(self, request).await?))
    }

    async fn get_request(&self, request: Request<pb::GetRequestRequest>) -> Answer<pb::GetRequestResponse> {
        Ok(Response::new(get_request::handle(self, &request).await?))
    }

    async fn list_requests(&self, request: Request<pb::ListRequestsRequest>) -> Answer<pb::ListRequestsResponse> {
        Ok(Response::new(list_requests::handle(self, &request).await?))
    }

    async fn get_archive(&self, request: Request<pb::GetArchiveRequest>) -> Answer<Self::GetArchiveStream> {
        Ok(Response::new(get_archive::handle(self, &request).await?))
    }

    async fn start_inactivity_run(
        &self,
        request: Request<pb::StartInactivityRunRequest>,
    ) -> Answer<pb::StartInactivityRunResponse> {
        Ok(Response::new(start_inactivity_run::handle(self, request).await?))
    }

    async fn get_inactivity_run(
        &self,
        request: Request<pb::GetInactivityRunRequest>,
    ) -> Answer<pb::GetInactivityRunResponse> {
        Ok(Response::new(get_inactivity_run::handle(self, &request).await?))
    }
}
