//! The mailbox takes part in erasure, by envelope address.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use chappe_ids::ProjectId;
use chappe_kit::{
    Error,
    grpc::{Caller, Peer, call, caller::project_of},
};
use chappe_proto::{
    privacy::{
        BlockSubjectRequest, BlockSubjectResponse, EraseSubjectRequest, EraseSubjectResponse, ExportSubjectRequest,
        ExportSubjectResponse, Subject, VerifyErasedRequest, VerifyErasedResponse,
        data_subject_service_server::DataSubjectService,
    },
    profile::{GetProfilesRequest, profile_service_client::ProfileServiceClient},
    types::value::Kind,
};
use futures_util::{Stream, stream};
use tonic::{Request, Response, Status, async_trait};

use super::Mailbox;

/// The mailbox as a participant. Addresses are learnt when the subject is blocked, while its profile can
/// still be read, and forgotten with the process.
#[derive(Clone)]
pub(crate) struct CaptureSubject {
    mailbox: Mailbox,
    profile_store: ProfileServiceClient<Peer>,
    addresses: Arc<Mutex<HashMap<String, Vec<String>>>>,
}

impl CaptureSubject {
    pub(crate) fn new(mailbox: Mailbox, profile_store: Peer) -> Self {
        Self {
            mailbox,
            profile_store: ProfileServiceClient::new(profile_store),
            addresses: Arc::default(),
        }
    }

    async fn look_up(&self, project: ProjectId, subject: &Subject) -> Result<Vec<String>, Error> {
        let request = GetProfilesRequest {
            profile_ids: subject.profile_ids.clone(),
        };
        let mut store = self.profile_store.clone();
        let profiles = store
            .get_profiles(call(project, request))
            .await?
            .into_inner()
            .profiles
            .into_iter()
            .filter_map(|result| result.profile);
        let address =
            |profile: chappe_proto::profile::Profile| match profile.attributes.get("$email_address")?.kind.as_ref()? {
                Kind::StringValue(address) => Some(address.clone()),
                _ => None,
            };
        Ok(profiles.filter_map(address).collect())
    }

    fn known(&self, project: ProjectId, subject: &Subject) -> Vec<String> {
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |profile: &String| addresses.get(&key(project, profile)).cloned().unwrap_or_default();
        subject.profile_ids.iter().flat_map(of).collect()
    }
}

fn key(project: ProjectId, profile: &str) -> String {
    format!("{project}/{profile}")
}

fn subject_of<T>(request: &Request<T>, subject: Option<&Subject>) -> Result<(ProjectId, Subject), Error> {
    Caller::of(request)?.require_service()?;
    let subject = subject.ok_or_else(|| Error::invalid_field("subject", "is missing"))?;
    Ok((project_of(request)?, subject.clone()))
}

#[async_trait]
impl DataSubjectService for CaptureSubject {
    type ExportSubjectStream = Pin<Box<dyn Stream<Item = Result<ExportSubjectResponse, Status>> + Send>>;

    async fn block_subject(
        &self,
        request: Request<BlockSubjectRequest>,
    ) -> Result<Response<BlockSubjectResponse>, Status> {
        let (project, subject) = subject_of(&request, request.get_ref().subject.as_ref())?;
        let found = self.look_up(project, &subject).await?;
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if !found.is_empty() {
            for profile in &subject.profile_ids {
                addresses.insert(key(project, profile), found.clone());
            }
        }
        Ok(Response::new(BlockSubjectResponse {}))
    }

    async fn export_subject(
        &self,
        request: Request<ExportSubjectRequest>,
    ) -> Result<Response<Self::ExportSubjectStream>, Status> {
        // What was sent is in the export of email-sender; the mailbox holds copies for the developer.
        Caller::of(&request)?.require_service()?;
        Ok(Response::new(Box::pin(stream::empty())))
    }

    async fn erase_subject(
        &self,
        request: Request<EraseSubjectRequest>,
    ) -> Result<Response<EraseSubjectResponse>, Status> {
        let (project, subject) = subject_of(&request, request.get_ref().subject.as_ref())?;
        let deleted = self.mailbox.forget(&self.known(project, &subject));
        let deleted = HashMap::from([("captured_mails".to_owned(), i64::try_from(deleted).unwrap_or(i64::MAX))]);
        Ok(Response::new(EraseSubjectResponse {
            deleted,
            retained: Vec::new(),
        }))
    }

    async fn verify_erased(
        &self,
        request: Request<VerifyErasedRequest>,
    ) -> Result<Response<VerifyErasedResponse>, Status> {
        let (project, subject) = subject_of(&request, request.get_ref().subject.as_ref())?;
        let left = self.mailbox.count(&self.known(project, &subject));
        let remaining = (left > 0).then(|| ("captured_mails".to_owned(), i64::try_from(left).unwrap_or(i64::MAX)));
        Ok(Response::new(VerifyErasedResponse {
            remaining: remaining.into_iter().collect(),
        }))
    }
}
