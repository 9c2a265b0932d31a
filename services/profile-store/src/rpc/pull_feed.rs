//! A long poll: hints end the wait early, polling ends it for certain.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

use chappe_ids::LANES;
use chappe_kit::{
    Error,
    grpc::{MAX_MESSAGE_BYTES, caller::Caller, context},
};
use chappe_proto::profile as pb;
use prost::Message as _;
use tokio::time::Instant;
use tonic::Request;

use super::{apply_edits::FEED, convert};
use crate::{
    App,
    store::{self, feed::Row},
};

/// Rows in one answer, as the contract says.
const MAX_ROWS: usize = 1_000;

/// Bytes in one answer, unless a single row has more.
const MAX_BYTES: usize = MAX_MESSAGE_BYTES / 2;

/// Profiles that one call may name, as the contract says.
const MAX_PROFILES: usize = 1_000;

/// The longest wait, as the contract says.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The first look after one in vain; each further one waits twice as long.
const FIRST_POLL: Duration = Duration::from_millis(20);

/// How far polling backs off.
const SLOWEST_POLL: Duration = Duration::from_millis(500);

pub(super) async fn handle(app: &App, request: &Request<pb::PullFeedRequest>) -> Result<pb::PullFeedResponse, Error> {
    Caller::of(request)?.require_service()?;
    let request = request.get_ref();
    let lanes = lanes(&request.lanes)?;
    convert::at_most("profile_ids", request.profile_ids.len(), MAX_PROFILES)?;
    let profiles = convert::ids("profile_ids", &request.profile_ids)?;
    let limit = usize::try_from(request.max_rows).unwrap_or_default().clamp(1, MAX_ROWS);
    let wait = Duration::from_millis(u64::try_from(request.wait_ms).unwrap_or_default()).min(MAX_WAIT);
    let until = Instant::now() + context::remaining(wait);

    let mut hints = app.coordination.hints.subscribe(FEED);
    let mut poll = FIRST_POLL;
    loop {
        let rows = if profiles.is_empty() {
            pull(app, &lanes, limit).await?
        } else {
            store::feed::pull_of(app.db.read(), &lanes, &profiles, limit).await?
        };
        let left = until.saturating_duration_since(Instant::now());
        if !rows.is_empty() || left.is_zero() || app.runtime.lifecycle.is_stopping() {
            return Ok(pb::PullFeedResponse { rows: fitting(rows) });
        }
        poll = if hints.wait(poll.min(left)).await {
            FIRST_POLL
        } else {
            SLOWEST_POLL.min(poll * 2)
        };
    }
}

fn lanes(lanes: &[i32]) -> Result<Vec<i64>, Error> {
    let known: Option<BTreeSet<_>> = lanes
        .iter()
        .map(|lane| u8::try_from(*lane).ok().filter(|lane| *lane < LANES).map(i64::from))
        .collect();
    match known {
        Some(lanes) if !lanes.is_empty() => Ok(lanes.into_iter().collect()),
        _ => Err(Error::invalid_field(
            "lanes",
            format!("must name lanes from 0 to {}", LANES - 1),
        )),
    }
}

/// Begins at another lane each time, so that under load no lane waits for the others to run dry.
async fn pull(app: &App, lanes: &[i64], limit: usize) -> Result<Vec<Row>, Error> {
    let start = app.next_lane.fetch_add(1, Ordering::Relaxed) % lanes.len();
    let (later, sooner) = lanes.split_at(start);
    let mut rows = store::feed::pull(app.db.read(), sooner, limit).await?;
    if rows.len() < limit && !later.is_empty() {
        rows.extend(store::feed::pull(app.db.read(), later, limit - rows.len()).await?);
    }
    rows.sort_unstable_by_key(|row| (row.profile, row.version, row.index));
    Ok(rows)
}

/// As many of the first rows as one answer carries, and one at least: a thousand events may be larger than that, and
/// an answer that cannot be sent would block its lanes for good.
fn fitting(rows: Vec<Row>) -> Vec<pb::FeedRow> {
    let mut bytes = 0;
    let rows = rows.into_iter().map(row_to_proto);
    rows.take_while(|row| {
        let is_first = bytes == 0;
        bytes += row.encoded_len();
        is_first || bytes <= MAX_BYTES
    })
    .collect()
}

fn row_to_proto(row: Row) -> pb::FeedRow {
    pb::FeedRow {
        row_id: row.event.id.to_string(),
        project_id: row.project.to_string(),
        profile_id: row.profile.to_string(),
        custom_id: row.custom_id.unwrap_or_default(),
        lane: i32::try_from(row.lane).unwrap_or_default(),
        version: row.version,
        index: i32::try_from(row.index).unwrap_or(i32::MAX),
        event: Some(convert::event_to_proto(&row.event)),
        accepted_at: Some(row.accepted_at.into()),
        traceparent: row.traceparent.unwrap_or_default(),
    }
}
