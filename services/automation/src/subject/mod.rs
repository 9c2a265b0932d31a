//! What is owed to the people that entries are about.

use std::collections::HashMap;

use chappe_ids::ProfileId;
use chappe_kit::{Error, grpc::caller::project_of};
use chappe_proto::privacy::{self as pb, data_subject_service_server::DataSubjectService};
use chappe_store::retired;
use serde_json::json;
use tonic::{Request, Response, Status, async_trait};

use crate::{
    app::App,
    domain::entry::{Entry, Progress},
    store::{definitions, entries, subject},
};

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl DataSubjectService for App {
    type ExportSubjectStream = tokio_stream::Once<Result<pb::ExportSubjectResponse, Status>>;

    /// Nothing to block here: no custom id is stored, profile ids are retired by the erasure, and a blocked
    /// person's events end at ingestion.
    async fn block_subject(&self, request: Request<pb::BlockSubjectRequest>) -> Answer<pb::BlockSubjectResponse> {
        project_of(&request)?;
        Ok(Response::new(pb::BlockSubjectResponse {}))
    }

    async fn export_subject(&self, request: Request<pb::ExportSubjectRequest>) -> Answer<Self::ExportSubjectStream> {
        let exported = export(self, request).await?;
        Ok(Response::new(tokio_stream::once(Ok(exported))))
    }

    async fn erase_subject(&self, request: Request<pb::EraseSubjectRequest>) -> Answer<pb::EraseSubjectResponse> {
        let project = project_of(&request)?;
        let profiles = profiles(request.into_inner().subject)?;
        let now = self.now();
        let deleted = self
            .db
            .write(async |txn| subject::erase(txn, project, &profiles, now).await)
            .await?;
        let days = retired::KEPT_FOR.as_secs() / 86_400;
        let retained = format!("the profile ids alone, for {days} days, so that nothing in flight brings them back");
        Ok(Response::new(pb::EraseSubjectResponse {
            deleted,
            retained: vec![retained],
        }))
    }

    async fn verify_erased(&self, request: Request<pb::VerifyErasedRequest>) -> Answer<pb::VerifyErasedResponse> {
        let project = project_of(&request)?;
        let profiles = profiles(request.into_inner().subject)?;
        let remaining = subject::count(self.db.read(), project, &profiles).await?;
        Ok(Response::new(pb::VerifyErasedResponse { remaining }))
    }
}

fn profiles(subject: Option<pb::Subject>) -> Result<Vec<ProfileId>, Error> {
    let ids = subject.unwrap_or_default().profile_ids;
    ids.iter()
        .map(|id| {
            id.parse()
                .map_err(|_| Error::invalid_field("subject.profile_ids", "a profile id is a UUID"))
        })
        .collect()
}

async fn export(app: &App, request: Request<pb::ExportSubjectRequest>) -> Result<pb::ExportSubjectResponse, Error> {
    let project = project_of(&request)?;
    let profiles = profiles(request.into_inner().subject)?;
    let keys: Vec<_> = profiles.into_iter().map(|profile| (project, profile)).collect();
    let entries = entries::all_of(app.db.read(), &keys).await?;
    let automations = definitions::current(app.db.read(), &[project]).await?;
    let names: HashMap<_, _> = automations.into_iter().map(|now| (now.id, now.name)).collect();
    let entries: Vec<_> = entries
        .iter()
        .map(|entry| render(entry, names.get(&entry.automation)))
        .collect();
    Ok(pb::ExportSubjectResponse {
        file_name: "entries.json".to_owned(),
        content: serde_json::to_vec_pretty(&entries).map_err(Error::internal)?.into(),
    })
}

fn render(entry: &Entry, automation: Option<&String>) -> serde_json::Value {
    let attributes = entry.event.attributes.iter();
    let attributes: serde_json::Map<_, _> = attributes
        .map(|(name, value)| (name.clone(), value.render_json()))
        .collect();
    let mut rendered = json!({
        "automation": automation,
        "profile_id": entry.profile,
        "entered_at": entry.entered_at.to_rfc3339(),
        "event": { "name": entry.event.name, "attributes": attributes },
        "messages": entry.sent,
    });
    match &entry.progress {
        Progress::Resting(rest) => {
            rendered["state"] = "live".into();
            rendered["step"] = rest.step.as_str().into();
            rendered["next_at"] = rest.due.to_rfc3339().into();
        }
        Progress::Ended { at, why } => {
            rendered["state"] = why.as_str().into();
            rendered["ended_at"] = at.to_rfc3339().into();
        }
    }
    rendered
}
