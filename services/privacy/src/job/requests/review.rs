//! Everything about the person is collected into an archive.

use std::time::Duration;

use chappe_kit::{
    Error, ErrorKind,
    grpc::{call, peer::with_deadline},
    keys::digest,
};
use chappe_proto::privacy::{ExportSubjectRequest, Subject};
use serde_json::json;

use super::{Work, finish};
use crate::{
    app::{App, Participant},
    domain::{archive::Documents, request::USER_NOT_FOUND},
};

/// How long one service may take for the whole of its stream.
const DEADLINE: Duration = Duration::from_mins(1);

pub(super) async fn run(app: &App, work: &Work, subject: &Subject) -> Result<(), Error> {
    let mut documents = Documents::default();
    for participant in &app.participants {
        let late = || Error::new(ErrorKind::DeadlineExceeded, "EXPORT_LATE", "an export took too long");
        let exported = export(work, subject, participant, &mut documents);
        tokio::time::timeout(DEADLINE, exported).await.map_err(|_| late())??;
        work.renew(app).await?;
    }
    if subject.profile_ids.is_empty() && documents.say_nothing() {
        return finish::done(app, work, USER_NOT_FOUND).await;
    }
    let summary = json!({
        "request_id": work.held.request,
        "requested_at": work.request.created_at.to_rfc3339(),
        "identifier": { "type": work.request.identifier_type, "value": work.request.identifier_value },
        "profile_ids": subject.profile_ids,
    });
    let summary = summary.as_object().cloned().unwrap_or_default();
    let zipped = tokio::task::spawn_blocking(move || documents.zip(summary)).await;
    let archive = zipped.map_err(Error::internal)??;
    let name_hash = digest(app.archive_name(work.held.project, work.held.request).as_bytes());
    finish::reviewed(app, work, &name_hash, &archive).await
}

async fn export(
    work: &Work,
    subject: &Subject,
    participant: &Participant,
    documents: &mut Documents,
) -> Result<(), Error> {
    let request = ExportSubjectRequest {
        subject: Some(subject.clone()),
    };
    let mut client = participant.client.clone();
    let request = with_deadline(call(work.held.project, request), DEADLINE);
    let mut stream = client.export_subject(request).await?.into_inner();
    while let Some(part) = stream.message().await? {
        documents.add(participant.name, part.file_name, &part.content);
    }
    Ok(())
}
