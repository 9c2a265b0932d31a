//! Between the contract and the domain.

use chappe_ids::ProjectId;
use chappe_kit::{Error, Timestamp};
use chappe_proto::privacy as pb;

use crate::{
    app::App,
    domain::{
        brakes::Brake,
        request::{Kind, Report, Request},
        run::{Run, State},
    },
};

/// A request as the contract has it.
pub(super) fn request(
    app: &App,
    project: ProjectId,
    request: Request,
    reports: Vec<Report>,
    now: Timestamp,
) -> pb::PrivacyRequest {
    let readable = request.archive_until.is_some_and(|until| until > now);
    pb::PrivacyRequest {
        request_id: request.id.to_string(),
        created_at: Some(request.created_at.into()),
        r#type: match request.kind {
            Kind::Review => pb::RequestType::Review,
            Kind::Remove => pb::RequestType::Remove,
        }
        .into(),
        done: request.done_at.is_some(),
        error: request.error,
        identifier_type: request.identifier_type,
        identifier_value: request.identifier_value,
        archive_name: if readable {
            app.archive_name(project, request.id)
        } else {
            String::new()
        },
        participants: reports.into_iter().map(report).collect(),
    }
}

fn report(report: Report) -> pb::ParticipantReport {
    pb::ParticipantReport {
        service: report.service,
        verified: report.verified,
        deleted: report
            .deleted
            .into_iter()
            .map(|(kind, rows)| (kind, rows.as_i64().unwrap_or(0)))
            .collect(),
        retained: report.retained,
    }
}

/// The kind of a request, which must be given.
pub(super) fn kind(kind: i32) -> Result<Kind, Error> {
    match pb::RequestType::try_from(kind) {
        Ok(pb::RequestType::Review) => Ok(Kind::Review),
        Ok(pb::RequestType::Remove) => Ok(Kind::Remove),
        Ok(pb::RequestType::Unspecified) | Err(_) => Err(Error::invalid_field("type", "must be review or remove")),
    }
}

/// A run as the contract has it.
pub(super) fn run(run: Run) -> pb::InactivityRun {
    pb::InactivityRun {
        run_id: run.id.to_string(),
        state: match run.state {
            State::Planning => pb::InactivityState::Planning,
            State::Planned => pb::InactivityState::Planned,
            State::Held => pb::InactivityState::Held,
            State::Deleting => pb::InactivityState::Deleting,
            State::Succeeded => pb::InactivityState::Succeeded,
            State::Halted => pb::InactivityState::Halted,
            State::Failed => pb::InactivityState::Failed,
        }
        .into(),
        cutoff: Some(run.cutoff.into()),
        population: run.population,
        candidates: run.candidates,
        deleted: run.deleted,
        dry_run: run.is_dry,
        brakes: run.brakes.into_iter().map(brake).collect(),
    }
}

fn brake(brake: Brake) -> pb::Brake {
    pb::Brake {
        name: brake.name,
        tripped: brake.tripped,
        detail: brake.detail,
    }
}
