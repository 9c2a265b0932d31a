//! The contracts: one line per call, one file per call.

mod ack_outcomes;
mod apply_resources;
mod cancel;
mod convert;
mod data_subject;
mod delete_resource;
mod enqueue;
mod get_counts;
mod list_messages;
mod list_resources;
mod pull_outcomes;
mod record_hit;

use std::sync::Arc;

use chappe_kit::grpc::{MAX_MESSAGE_BYTES, caller::project_of};
use chappe_proto::{
    email::{
        self,
        email_service_server::{EmailService, EmailServiceServer},
    },
    privacy::data_subject_service_server::DataSubjectServiceServer,
    types,
};
use tonic::{Request, Response, Status, service::RoutesBuilder};

use crate::app::App;

pub(crate) use convert::timestamp;

pub(crate) fn add_email(routes: &mut RoutesBuilder, app: Arc<App>) {
    let service = EmailServiceServer::new(Email(app))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    routes.add_service(service);
}

pub(crate) fn add_data_subject(routes: &mut RoutesBuilder, app: Arc<App>) {
    let service = DataSubjectServiceServer::new(data_subject::DataSubject(app))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    routes.add_service(service);
}

struct Email(Arc<App>);

#[tonic::async_trait]
impl EmailService for Email {
    async fn enqueue(
        &self,
        request: Request<email::EnqueueRequest>,
    ) -> Result<Response<email::EnqueueResponse>, Status> {
        Ok(Response::new(
            enqueue::enqueue(&self.0, project_of(&request)?, request.into_inner()).await?,
        ))
    }

    async fn cancel(&self, request: Request<email::CancelRequest>) -> Result<Response<email::CancelResponse>, Status> {
        Ok(Response::new(
            cancel::cancel(&self.0, project_of(&request)?, request.into_inner()).await?,
        ))
    }

    async fn pull_outcomes(
        &self,
        request: Request<email::PullOutcomesRequest>,
    ) -> Result<Response<email::PullOutcomesResponse>, Status> {
        Ok(Response::new(pull_outcomes::pull(&self.0, request).await?))
    }

    async fn ack_outcomes(
        &self,
        request: Request<email::AckOutcomesRequest>,
    ) -> Result<Response<email::AckOutcomesResponse>, Status> {
        Ok(Response::new(ack_outcomes::ack(&self.0, request).await?))
    }

    async fn record_hit(
        &self,
        request: Request<email::RecordHitRequest>,
    ) -> Result<Response<email::RecordHitResponse>, Status> {
        Ok(Response::new(record_hit::record(&self.0, request).await?))
    }

    async fn apply_resources(
        &self,
        request: Request<types::ApplyResourcesRequest>,
    ) -> Result<Response<types::ApplyResourcesResponse>, Status> {
        Ok(Response::new(
            apply_resources::apply(&self.0, project_of(&request)?, request.into_inner()).await?,
        ))
    }

    async fn list_resources(
        &self,
        request: Request<types::ListResourcesRequest>,
    ) -> Result<Response<types::ListResourcesResponse>, Status> {
        Ok(Response::new(
            list_resources::list(&self.0, project_of(&request)?, request.into_inner()).await?,
        ))
    }

    async fn delete_resource(
        &self,
        request: Request<types::DeleteResourceRequest>,
    ) -> Result<Response<types::DeleteResourceResponse>, Status> {
        Ok(Response::new(
            delete_resource::delete(&self.0, project_of(&request)?, request.into_inner()).await?,
        ))
    }

    async fn list_messages(
        &self,
        request: Request<email::ListMessagesRequest>,
    ) -> Result<Response<email::ListMessagesResponse>, Status> {
        Ok(Response::new(
            list_messages::list(&self.0, project_of(&request)?, request.into_inner()).await?,
        ))
    }

    async fn get_counts(
        &self,
        request: Request<email::GetCountsRequest>,
    ) -> Result<Response<email::GetCountsResponse>, Status> {
        Ok(Response::new(get_counts::counts(&self.0, project_of(&request)?).await?))
    }
}
