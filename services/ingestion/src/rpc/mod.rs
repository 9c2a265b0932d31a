//! The public contract: one line per method, one file per use-case.

mod convert;
mod update_profiles;

use chappe_proto::ingestion::{
    UpdateProfilesRequest, UpdateProfilesResponse, ingestion_service_server::IngestionService,
};
use tonic::{Request, Response, Status, async_trait};

use crate::App;

pub(crate) use convert::{attribute_edit, event};

#[async_trait]
impl IngestionService for App {
    async fn update_profiles(
        &self,
        request: Request<UpdateProfilesRequest>,
    ) -> Result<Response<UpdateProfilesResponse>, Status> {
        Ok(Response::new(update_profiles::handle(self, request).await?))
    }
}
