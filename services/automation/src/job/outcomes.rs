//! What became of messages: those that were not sent do not count.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use chappe_ids::{EntryId, ProjectId};
use chappe_kit::{BestEffort as _, Error, grpc::peer::with_deadline};
use chappe_proto::email::{self as pb, MessageState};

use super::{BETWEEN_PULLS, IDLE, Turn};
use crate::{
    app::App,
    store::{
        entries,
        lanes::Held,
        messages::{self, MessageKey},
    },
};

/// Outcomes of one batch.
const BATCH: i32 = 500;

/// Time that a long poll may take beyond its waiting.
const PULL_MARGIN: Duration = Duration::from_secs(5);

pub(super) async fn turn(app: &App, patience: Duration) -> Result<Turn, Error> {
    let mut changes = app.held.subscribe();
    let held = changes.borrow_and_update().clone();
    if held.is_empty() {
        return Ok(Turn::after(0, IDLE));
    }
    let outcomes = tokio::select! {
        outcomes = pull(app, &held, patience) => outcomes?,
        _ = changes.changed() => return Ok(Turn::after(1, IDLE)),
    };
    let work = outcomes.len();
    if work > 0 {
        record(app, &held, &outcomes).await?;
        acknowledge(app, outcomes).await;
    }
    Ok(Turn::after(work, BETWEEN_PULLS))
}

async fn pull(app: &App, held: &Held, patience: Duration) -> Result<Vec<pb::Outcome>, Error> {
    let request = pb::PullOutcomesRequest {
        lanes: held.keys().map(|lane| i32::from(*lane)).collect(),
        max_rows: BATCH,
        wait_ms: i32::try_from(patience.as_millis()).unwrap_or(i32::MAX),
    };
    let request = with_deadline(tonic::Request::new(request), patience + PULL_MARGIN);
    Ok(app.emails().pull_outcomes(request).await?.into_inner().outcomes)
}

async fn record(app: &App, held: &Held, outcomes: &[pb::Outcome]) -> Result<(), Error> {
    let (mut final_ones, mut not_sent) = (Vec::new(), HashSet::new());
    for outcome in outcomes {
        if let (Some(key), Some(is_sent)) = (key(outcome), is_sent(outcome.state())) {
            final_ones.push(key);
            if !is_sent {
                not_sent.insert(key);
            }
        }
    }
    let open = messages::find(app.db.read(), &final_ones).await?;
    if open.is_empty() {
        return Ok(());
    }
    let lanes: HashSet<u8> = open.iter().map(|open| open.lane).collect();
    let batch = app.batch(held, &lanes).await;
    app.db
        .write(async |txn| {
            batch.fence(txn).await?;
            let closed = messages::close(txn, &final_ones).await?;
            let mut given_back: BTreeMap<(ProjectId, EntryId), i64> = BTreeMap::new();
            for message in closed {
                if not_sent.contains(&(message.project, message.message)) {
                    *given_back.entry((message.project, message.entry)).or_default() += 1;
                }
            }
            let given_back: Vec<_> = given_back
                .into_iter()
                .map(|((project, entry), count)| (project, entry, count))
                .collect();
            entries::give_back(txn, &given_back).await
        })
        .await
}

/// Outcomes that are not acknowledged come again, and find their messages closed.
async fn acknowledge(app: &App, outcomes: Vec<pb::Outcome>) {
    let outcomes = outcomes.into_iter().map(|outcome| pb::OutcomeRef {
        project_id: outcome.project_id,
        message_id: outcome.message_id,
    });
    let request = tonic::Request::new(pb::AckOutcomesRequest {
        outcomes: outcomes.collect(),
    });
    let acknowledged = app.emails().ack_outcomes(request).await;
    acknowledged.best_effort("acknowledge outcomes; they will come again");
}

fn key(outcome: &pb::Outcome) -> Option<MessageKey> {
    Some((outcome.project_id.parse().ok()?, outcome.message_id.parse().ok()?))
}

/// Whether a message in this final state was handed to delivery; `None` while it is under way.
const fn is_sent(state: MessageState) -> Option<bool> {
    match state {
        MessageState::Accepted | MessageState::Rejected | MessageState::Unknown => Some(true),
        MessageState::Skipped | MessageState::Cancelled => Some(false),
        MessageState::Unspecified
        | MessageState::Queued
        | MessageState::Claimed
        | MessageState::Attempting
        | MessageState::Deferred => None,
    }
}
