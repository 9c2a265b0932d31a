//! Ingestion passes data on and keeps none, so it has nothing to export or to erase. The block list that
//! discards late data is asked on every write, where identifiers are resolved.

use std::pin::Pin;

use chappe_kit::grpc::Caller;
use chappe_proto::privacy::{
    BlockSubjectRequest, BlockSubjectResponse, EraseSubjectRequest, EraseSubjectResponse, ExportSubjectRequest,
    ExportSubjectResponse, VerifyErasedRequest, VerifyErasedResponse, data_subject_service_server::DataSubjectService,
};
use futures_util::{Stream, stream};
use tonic::{Request, Response, Status, async_trait};

pub(crate) struct HoldsNothing;

#[async_trait]
impl DataSubjectService for HoldsNothing {
    type ExportSubjectStream = Pin<Box<dyn Stream<Item = Result<ExportSubjectResponse, Status>> + Send>>;

    async fn block_subject(
        &self,
        request: Request<BlockSubjectRequest>,
    ) -> Result<Response<BlockSubjectResponse>, Status> {
        Caller::of(&request)?.require_service()?;
        Ok(Response::new(BlockSubjectResponse {}))
    }

    async fn export_subject(
        &self,
        request: Request<ExportSubjectRequest>,
    ) -> Result<Response<Self::ExportSubjectStream>, Status> {
        Caller::of(&request)?.require_service()?;
        Ok(Response::new(Box::pin(stream::empty())))
    }

    async fn erase_subject(
        &self,
        request: Request<EraseSubjectRequest>,
    ) -> Result<Response<EraseSubjectResponse>, Status> {
        Caller::of(&request)?.require_service()?;
        Ok(Response::new(EraseSubjectResponse::default()))
    }

    async fn verify_erased(
        &self,
        request: Request<VerifyErasedRequest>,
    ) -> Result<Response<VerifyErasedResponse>, Status> {
        Caller::of(&request)?.require_service()?;
        Ok(Response::new(VerifyErasedResponse::default()))
    }
}
