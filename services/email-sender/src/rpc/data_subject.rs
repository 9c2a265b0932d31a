//! What the service owes the people its messages go to.

use std::{collections::HashMap, pin::Pin, sync::Arc};

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{
    Error,
    grpc::{Caller, caller::project_of},
};
use chappe_proto::privacy::{
    BlockSubjectRequest, BlockSubjectResponse, EraseSubjectRequest, EraseSubjectResponse, ExportSubjectRequest,
    ExportSubjectResponse, Subject, VerifyErasedRequest, VerifyErasedResponse,
    data_subject_service_server::DataSubjectService,
};
use chappe_store::retired;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::convert;
use crate::{
    app::App,
    store::subject::{self, BATCH, KINDS},
};

pub(super) struct DataSubject(pub(super) Arc<App>);

/// What outlives an erasure.
const RETAINED: &str = "keyed hashes of addresses that bounced or opted out, so that they are not written to again";

#[tonic::async_trait]
impl DataSubjectService for DataSubject {
    type ExportSubjectStream = Pin<Box<dyn Stream<Item = Result<ExportSubjectResponse, Status>> + Send>>;

    /// Nothing reaches this service but messages to profile ids, and erased ones are refused by the ids themselves.
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
        let project = project_of(&request)?;
        let document = export(&self.0, project, request.into_inner().subject).await?;
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(document)))))
    }

    async fn erase_subject(
        &self,
        request: Request<EraseSubjectRequest>,
    ) -> Result<Response<EraseSubjectResponse>, Status> {
        let project = project_of(&request)?;
        Ok(Response::new(
            erase(&self.0, project, request.into_inner().subject).await?,
        ))
    }

    async fn verify_erased(
        &self,
        request: Request<VerifyErasedRequest>,
    ) -> Result<Response<VerifyErasedResponse>, Status> {
        let project = project_of(&request)?;
        Ok(Response::new(
            verify(&self.0, project, request.into_inner().subject).await?,
        ))
    }
}

fn profiles(subject: Option<Subject>) -> Result<Vec<ProfileId>, Error> {
    convert::ids("subject.profile_ids", &subject.unwrap_or_default().profile_ids)
}

async fn export(app: &App, project: ProjectId, subject: Option<Subject>) -> Result<ExportSubjectResponse, Error> {
    let messages = subject::export(app.db.read(), project, &profiles(subject)?).await?;
    Ok(ExportSubjectResponse {
        file_name: "messages.json".to_owned(),
        content: serde_json::to_vec_pretty(&messages).map_err(Error::internal)?.into(),
    })
}

/// Retires the ids first, so that nothing new comes while the rows go.
async fn erase(app: &App, project: ProjectId, subject: Option<Subject>) -> Result<EraseSubjectResponse, Error> {
    let ids = profiles(subject)?;
    let gone: Vec<_> = ids.iter().map(|id| (*id, None)).collect();
    let until = app.now() + retired::KEPT_FOR;
    app.db
        .write(async |txn| retired::retire(txn, project, &gone, until).await)
        .await?;
    let mut deleted = HashMap::new();
    for kind in &KINDS {
        let mut total = 0;
        loop {
            let rows = app.db.write(async |txn| kind.delete(txn, project, &ids).await).await?;
            total += i64::try_from(rows).unwrap_or(i64::MAX);
            if rows < u64::from(BATCH) {
                break;
            }
        }
        deleted.insert(kind.name.to_owned(), total);
    }
    Ok(EraseSubjectResponse {
        deleted,
        retained: vec![RETAINED.to_owned()],
    })
}

async fn verify(app: &App, project: ProjectId, subject: Option<Subject>) -> Result<VerifyErasedResponse, Error> {
    let ids = profiles(subject)?;
    let mut remaining = HashMap::new();
    for kind in &KINDS {
        let rows = kind.count(app.db.read(), project, &ids).await?;
        if rows > 0 {
            remaining.insert(kind.name.to_owned(), rows);
        }
    }
    Ok(VerifyErasedResponse { remaining })
}
