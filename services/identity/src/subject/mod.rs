//! What identity owes the people it knows.

use std::{collections::HashMap, pin::Pin, time::Duration};

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{
    Error,
    grpc::caller::{Caller, project_of},
};
use chappe_proto::privacy::{
    self as pb, BlockSubjectResponse, EraseSubjectResponse, ExportSubjectResponse, Subject, VerifyErasedResponse,
    data_subject_service_server::DataSubjectService,
};
use chappe_store::retired;
use futures_util::{Stream, stream};
use tonic::{Request, Response, Status, async_trait};

use crate::{
    App,
    domain::identifier::{self, Identifier, Kind},
    store,
};

/// How long data for an erased id is discarded (Batch's GDPR page: one month).
const BLOCKED_FOR: Duration = Duration::from_hours(24 * 30);

/// The keyed hash by which an identifier is blocked: the list names nobody.
pub(crate) fn block_hash(app: &App, project: ProjectId, identifier: &Identifier) -> [u8; 32] {
    app.block_list
        .mac(&[project.as_uuid().as_bytes(), identifier.value.as_bytes()].concat())
}

#[async_trait]
impl DataSubjectService for App {
    type ExportSubjectStream = Pin<Box<dyn Stream<Item = Result<ExportSubjectResponse, Status>> + Send>>;

    async fn block_subject(
        &self,
        request: Request<pb::BlockSubjectRequest>,
    ) -> Result<Response<BlockSubjectResponse>, Status> {
        let (project, subject) = subject_of(&request, |request| request.subject.as_ref())?;
        let named = identifier::parse(subject.identifier).map_err(|why| Error::invalid_field("subject", why))?;
        // An installation holds an anonymous profile: deleting the profile is enough, since a new
        // installation is a new person. Only custom ids are handed in again by servers.
        if named.identifier.kind == Kind::CustomId {
            let hash = block_hash(self, project, &named.identifier);
            let until = self.runtime.clock.now() + BLOCKED_FOR;
            self.db
                .write(async |txn| store::blocked::insert(txn, project, &hash, until).await)
                .await?;
        }
        Ok(Response::new(BlockSubjectResponse {}))
    }

    async fn export_subject(
        &self,
        request: Request<pb::ExportSubjectRequest>,
    ) -> Result<Response<Self::ExportSubjectStream>, Status> {
        let (project, subject) = subject_of(&request, |request| request.subject.as_ref())?;
        let found = store::identifier::of_profiles(self.db.read(), project, &profiles(&subject)?).await?;
        let identifiers: Vec<_> = found
            .into_iter()
            .map(|(kind, value, profile, created_at)| {
                let kind = if kind == Kind::CustomId as i64 {
                    "custom_id"
                } else {
                    "installation_id"
                };
                serde_json::json!({
                    "kind": kind, "value": value, "profile_id": profile, "created_at": created_at.to_rfc3339(),
                })
            })
            .collect();
        let content = serde_json::to_vec_pretty(&identifiers).map_err(Error::internal)?;
        let document = ExportSubjectResponse {
            file_name: "identifiers.json".to_owned(),
            content: content.into(),
        };
        Ok(Response::new(Box::pin(stream::iter([Ok(document)]))))
    }

    async fn erase_subject(
        &self,
        request: Request<pb::EraseSubjectRequest>,
    ) -> Result<Response<EraseSubjectResponse>, Status> {
        let (project, subject) = subject_of(&request, |request| request.subject.as_ref())?;
        let profiles = profiles(&subject)?;
        let gone: Vec<_> = profiles.iter().map(|profile| (*profile, None)).collect();
        let until = self.runtime.clock.now() + retired::KEPT_FOR;
        let deleted = self.db.write(async |txn| {
            retired::retire(txn, project, &gone, until).await?;
            store::identifier::delete(txn, project, &profiles).await
        });
        let deleted = i64::try_from(deleted.await?).unwrap_or(i64::MAX);
        Ok(Response::new(EraseSubjectResponse {
            deleted: HashMap::from([("identifiers".to_owned(), deleted)]),
            retained: vec![
                "a keyed hash of the custom id for 30 days, to discard late data".to_owned(),
                "the retired profile id for 13 months, to discard late data".to_owned(),
            ],
        }))
    }

    async fn verify_erased(
        &self,
        request: Request<pb::VerifyErasedRequest>,
    ) -> Result<Response<VerifyErasedResponse>, Status> {
        let (project, subject) = subject_of(&request, |request| request.subject.as_ref())?;
        let mut left = store::identifier::of_profiles(self.db.read(), project, &profiles(&subject)?)
            .await?
            .len();
        // A custom id is blocked, so nothing may have come back under it. An installation goes on and is somebody new.
        if let Ok(named) = identifier::parse(subject.identifier)
            && named.identifier.kind == Kind::CustomId
        {
            let wanted = store::identifier::Wanted {
                subject: block_hash(self, project, &named.identifier),
                identifier: &named.identifier,
            };
            let now = self.runtime.clock.now();
            let found = store::identifier::find(self.db.read(), project, &[wanted], now).await?;
            left += found.iter().filter(|found| found.profile.is_some()).count();
        }
        let remaining = (left > 0).then(|| ("identifiers".to_owned(), i64::try_from(left).unwrap_or(i64::MAX)));
        Ok(Response::new(VerifyErasedResponse {
            remaining: remaining.into_iter().collect(),
        }))
    }
}

fn subject_of<T>(request: &Request<T>, read: fn(&T) -> Option<&Subject>) -> Result<(ProjectId, Subject), Error> {
    Caller::of(request)?.require_service()?;
    let subject = read(request.get_ref()).ok_or_else(|| Error::invalid_field("subject", "is missing"))?;
    Ok((project_of(request)?, subject.clone()))
}

fn profiles(subject: &Subject) -> Result<Vec<ProfileId>, Error> {
    let parsed: Result<_, _> = subject.profile_ids.iter().map(|id| id.parse()).collect();
    parsed.map_err(|_| Error::invalid_field("subject.profile_ids", "must be UUIDs"))
}
