//! From now on data about the person is discarded, everywhere, before anything is erased anywhere.

use chappe_kit::{Error, grpc::call};
use chappe_proto::privacy::{BlockSubjectRequest, Subject};

use super::Work;
use crate::{
    app::{App, Participant},
    domain::request::Report,
    store,
};

/// Blocks a custom id where profiles come up under it, so that whoever is found afterwards is all there will be.
pub(super) async fn in_identity(app: &App, work: &Work) -> Result<(), Error> {
    if work.target.is_blocked() {
        let identity = app.participants.get(..1).unwrap_or_default();
        at(app, work, &work.subject(&[]), identity).await?;
    }
    Ok(())
}

pub(super) async fn everywhere(app: &App, work: &Work, subject: &Subject) -> Result<(), Error> {
    at(app, work, subject, &app.participants).await
}

/// Blocks at those that have not blocked yet.
async fn at(app: &App, work: &Work, subject: &Subject, participants: &[Participant]) -> Result<(), Error> {
    let held = work.held;
    let names: Vec<&str> = app.participants.iter().map(|participant| participant.name).collect();
    app.db
        .write(async |txn| {
            store::request::hold(txn, held).await?;
            store::participant::ensure(txn, held, &names).await
        })
        .await?;
    let reports = store::participant::of_request(app.db.read(), held.project, held.request).await?;
    for participant in participants {
        let waiting = |report: &Report| report.service == participant.name && !report.blocked;
        let Some(mut report) = reports.iter().find(|report| waiting(report)).cloned() else {
            continue;
        };
        let request = BlockSubjectRequest {
            subject: Some(subject.clone()),
        };
        let mut client = participant.client.clone();
        client.block_subject(call(held.project, request)).await?;
        report.blocked = true;
        app.db
            .write(async |txn| {
                store::request::hold(txn, held).await?;
                store::participant::save(txn, held, &report).await
            })
            .await?;
    }
    Ok(())
}
