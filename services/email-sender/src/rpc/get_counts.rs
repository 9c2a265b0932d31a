//! Counts messages by state.

use chappe_ids::ProjectId;
use chappe_kit::Error;
use chappe_proto::email::GetCountsResponse;

use crate::{app::App, domain::message::State, store};

pub(super) async fn counts(app: &App, project: ProjectId) -> Result<GetCountsResponse, Error> {
    let (states, skipped) = store::message::counts(app.db.read(), project).await?;
    let count = |state: State| states.get(&state).copied().unwrap_or_default();
    Ok(GetCountsResponse {
        queued: count(State::Queued) + count(State::Claimed) + count(State::Attempting),
        sent: count(State::Accepted),
        deferred: count(State::Deferred),
        bounced: count(State::Rejected),
        skipped,
        unknown: count(State::Unknown),
        cancelled: count(State::Cancelled),
    })
}
