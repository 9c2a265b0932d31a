//! Everything about the person is deleted, everywhere, until a search finds nothing.

use std::time::Duration;

use chappe_kit::{
    Error,
    grpc::{call, peer::with_deadline},
};
use chappe_proto::privacy::{EraseSubjectRequest, Subject, VerifyErasedRequest};

use super::Work;
use crate::{
    app::{App, Participant},
    domain::request::Report,
    store,
};

/// How long one service may take: somebody may have many events.
const DEADLINE: Duration = Duration::from_secs(25);
/// Erasures of one attempt, before a service that still finds something is left alone for a while.
const ROUNDS: usize = 3;

pub(super) async fn everywhere(app: &App, work: &Work, subject: &Subject) -> Result<(), Error> {
    for _ in 0..ROUNDS {
        erase(app, work, subject).await?;
        if is_verified(app, work, subject).await? {
            return Ok(());
        }
    }
    Err(Error::unavailable(
        "a service still finds data of a person that it has erased",
    ))
}

/// Asks every service that has not acknowledged. One that cannot does not keep the others waiting.
async fn erase(app: &App, work: &Work, subject: &Subject) -> Result<(), Error> {
    let reports = store::participant::of_request(app.db.read(), work.held.project, work.held.request).await?;
    let mut failed = None;
    for participant in &app.participants {
        let waiting = reports
            .iter()
            .find(|report| report.service == participant.name && !report.erased);
        if let Some(report) = waiting
            && let Err(error) = erase_one(app, work, subject, participant, report.clone()).await
        {
            failed.get_or_insert(error);
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn erase_one(
    app: &App,
    work: &Work,
    subject: &Subject,
    participant: &Participant,
    mut report: Report,
) -> Result<(), Error> {
    let request = EraseSubjectRequest {
        subject: Some(subject.clone()),
    };
    let request = with_deadline(call(work.held.project, request), DEADLINE);
    let answer = participant.client.clone().erase_subject(request).await?.into_inner();
    report.erased = true;
    report.add(answer.deleted, answer.retained);
    save(app, work, &report).await
}

/// Asks every service whether anything is left; where there is, it has to erase again.
async fn is_verified(app: &App, work: &Work, subject: &Subject) -> Result<bool, Error> {
    let mut reports = store::participant::of_request(app.db.read(), work.held.project, work.held.request).await?;
    let mut verified = true;
    for participant in &app.participants {
        let request = VerifyErasedRequest {
            subject: Some(subject.clone()),
        };
        let request = with_deadline(call(work.held.project, request), DEADLINE);
        let answer = participant.client.clone().verify_erased(request).await?.into_inner();
        work.renew(app).await?;
        if answer.remaining.values().all(|rows| *rows == 0) {
            continue;
        }
        verified = false;
        tracing::warn!(
            request.id = %work.held.request,
            participant = participant.name,
            "something is left after an erasure; erasing again"
        );
        if let Some(report) = reports.iter_mut().find(|report| report.service == participant.name) {
            report.erased = false;
            save(app, work, report).await?;
        }
    }
    Ok(verified)
}

async fn save(app: &App, work: &Work, report: &Report) -> Result<(), Error> {
    app.db
        .write(async |txn| {
            store::request::hold(txn, work.held).await?;
            store::participant::save(txn, work.held, report).await
        })
        .await
}
