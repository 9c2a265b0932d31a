//! What profile-store owes the people it knows.

mod block;
mod erase;
mod export;
mod verify;

use std::pin::Pin;

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{
    Error,
    grpc::caller::{Caller, project_of},
};
use chappe_proto::{
    privacy::{
        BlockSubjectRequest, BlockSubjectResponse, EraseSubjectRequest, EraseSubjectResponse, ExportSubjectRequest,
        ExportSubjectResponse, Subject, VerifyErasedRequest, VerifyErasedResponse,
        data_subject_service_server::DataSubjectService,
    },
    types::identifier::Kind,
};
use futures_util::Stream;
use tonic::{Request, Response, Status, async_trait};

use crate::{App, rpc::convert};

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl DataSubjectService for App {
    type ExportSubjectStream = Pin<Box<dyn Stream<Item = Result<ExportSubjectResponse, Status>> + Send>>;

    async fn block_subject(&self, request: Request<BlockSubjectRequest>) -> Answer<BlockSubjectResponse> {
        let person = Person::of(&request, request.get_ref().subject.as_ref())?;
        Ok(Response::new(block::handle(self, &person).await?))
    }

    async fn export_subject(&self, request: Request<ExportSubjectRequest>) -> Answer<Self::ExportSubjectStream> {
        let person = Person::of(&request, request.get_ref().subject.as_ref())?;
        Ok(Response::new(Box::pin(export::documents(self.db.clone(), person))))
    }

    async fn erase_subject(&self, request: Request<EraseSubjectRequest>) -> Answer<EraseSubjectResponse> {
        let person = Person::of(&request, request.get_ref().subject.as_ref())?;
        Ok(Response::new(erase::handle(self, &person).await?))
    }

    async fn verify_erased(&self, request: Request<VerifyErasedRequest>) -> Answer<VerifyErasedResponse> {
        let person = Person::of(&request, request.get_ref().subject.as_ref())?;
        Ok(Response::new(verify::handle(self, &person).await?))
    }
}

/// Who a request is about, as far as this service can know them.
struct Person {
    project: ProjectId,
    /// Absent for somebody known by an installation only: app-centric data is kept by custom id.
    custom_id: Option<String>,
    profiles: Vec<ProfileId>,
}

impl Person {
    fn of<T>(request: &Request<T>, subject: Option<&Subject>) -> Result<Self, Error> {
        Caller::of(request)?.require_service()?;
        let subject = subject.ok_or_else(|| Error::invalid_field("subject", "is missing"))?;
        let identifier = subject
            .identifier
            .as_ref()
            .and_then(|identifier| identifier.kind.as_ref());
        let custom_id = match identifier {
            Some(Kind::CustomId(custom_id)) => Some(custom_id.clone()),
            Some(Kind::Installation(_)) => None,
            None => return Err(Error::invalid_field("subject.identifier", "names nobody")),
        };
        let mut profiles: Vec<ProfileId> = convert::ids("subject.profile_ids", &subject.profile_ids)?;
        profiles.sort_unstable();
        profiles.dedup();
        Ok(Self {
            project: project_of(request)?,
            custom_id,
            profiles,
        })
    }
}
