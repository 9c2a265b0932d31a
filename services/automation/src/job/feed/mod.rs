//! Events become entries: pull, decide, commit, acknowledge.

mod decide;
mod read;

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use chappe_ids::ProfileId;
use chappe_kit::{
    BestEffort as _, Error,
    grpc::{context::within, peer::with_deadline},
};
use chappe_proto::profile as pb;

use super::{BETWEEN_PULLS, IDLE, OUTBOX, TIMERS, Turn, profiles};
use crate::{
    app::App,
    store::{
        feed::{self, Parked},
        lanes::Held,
    },
};
use decide::process;
use read::FeedEvent;

/// Rows of one batch.
const BATCH: i32 = 500;

/// Time that a long poll may take beyond its waiting.
const PULL_MARGIN: Duration = Duration::from_secs(5);

pub(super) async fn turn(app: &App, patience: Duration) -> Result<Turn, Error> {
    let mut changes = app.held.subscribe();
    let held = changes.borrow_and_update().clone();
    if held.is_empty() {
        return Ok(Turn::after(0, IDLE));
    }
    let rows = tokio::select! {
        rows = pull(app, &held, patience) => rows?,
        // Other lanes are to be pulled from now on.
        _ = changes.changed() => return Ok(Turn::after(1, IDLE)),
    };
    let pulled = rows.len();
    digest(app, &held, rows).await?;
    Ok(Turn::after(pulled, BETWEEN_PULLS))
}

/// Events that wait of these people are heard now: what was accepted before a timer was due comes before it. Tells
/// whose events there were. An answer may hold fewer rows than wait, so whoever was not in it is asked for again.
pub(super) async fn catch_up(
    app: &App,
    held: &Held,
    mut profiles: BTreeSet<ProfileId>,
) -> Result<HashSet<ProfileId>, Error> {
    let mut heard = HashSet::new();
    while !profiles.is_empty() {
        let rows = pull_of(app, held, &profiles, Duration::ZERO).await?;
        let theirs = rows.iter().filter_map(|row| row.profile_id.parse().ok());
        let theirs: HashSet<ProfileId> = theirs.filter(|profile| profiles.remove(profile)).collect();
        if theirs.is_empty() {
            break;
        }
        heard.extend(theirs);
        digest(app, held, rows).await?;
    }
    Ok(heard)
}

async fn digest(app: &App, held: &Held, rows: Vec<pb::FeedRow>) -> Result<(), Error> {
    let (events, broken) = read::events(rows, held);
    let mut done = park(app, held, broken).await?;
    // What is done for all of them belongs to the first trace there is.
    let trace = events.iter().find_map(|event| event.span.context());
    match within(trace, process(app, held, &events)).await {
        Ok(()) => done.extend(events.iter().map(FeedEvent::reference)),
        Err(error) if error.kind().is_retryable() => {
            for event in &events {
                event.span.fail(error.reason());
            }
            return Err(error);
        }
        Err(_) => done.extend(one_by_one(app, held, events).await?),
    }
    acknowledge(app, done).await;
    Ok(())
}

async fn pull(app: &App, held: &Held, patience: Duration) -> Result<Vec<pb::FeedRow>, Error> {
    pull_of(app, held, &BTreeSet::new(), patience).await
}

/// Rows of the lanes, or of these profiles alone.
async fn pull_of(
    app: &App,
    held: &Held,
    profiles: &BTreeSet<ProfileId>,
    patience: Duration,
) -> Result<Vec<pb::FeedRow>, Error> {
    let request = pb::PullFeedRequest {
        lanes: held.keys().map(|lane| i32::from(*lane)).collect(),
        max_rows: BATCH,
        wait_ms: i32::try_from(patience.as_millis()).unwrap_or(i32::MAX),
        profile_ids: profiles.iter().map(ToString::to_string).collect(),
    };
    let request = with_deadline(tonic::Request::new(request), patience + PULL_MARGIN);
    Ok(app.profiles().pull_feed(request).await?.into_inner().rows)
}

/// Rows that are not acknowledged come again, and are known by their event ids.
async fn acknowledge(app: &App, rows: Vec<pb::FeedRowRef>) {
    if rows.is_empty() {
        return;
    }
    let request = tonic::Request::new(pb::AckFeedRequest { rows });
    let acknowledged = app.profiles().ack_feed(request).await;
    acknowledged.best_effort("acknowledge events; they will come again");
}

/// A row alone in its batch that fails for good is given up, so that it does not block its lane.
async fn one_by_one(app: &App, held: &Held, events: Vec<FeedEvent>) -> Result<Vec<pb::FeedRowRef>, Error> {
    let mut done = Vec::new();
    for event in events {
        match within(event.span.context(), process(app, held, std::slice::from_ref(&event))).await {
            Ok(()) => done.push(event.reference()),
            Err(error) if error.kind().is_retryable() => return Err(error),
            Err(error) => {
                error.log("processing an event");
                event.span.fail(error.reason());
                done.extend(park(app, held, vec![(event.lane, event.parked(error.message()))]).await?);
            }
        }
    }
    Ok(done)
}

async fn park(app: &App, held: &Held, rows: Vec<(u8, Parked)>) -> Result<Vec<pb::FeedRowRef>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let lanes: HashSet<u8> = rows.iter().map(|(lane, _)| *lane).collect();
    let rows: Vec<Parked> = rows.into_iter().map(|(_, row)| row).collect();
    let now = app.now();
    let batch = app.batch(held, &lanes).await;
    app.db
        .write(async |txn| {
            batch.fence(txn).await?;
            feed::park(txn, now, &rows).await
        })
        .await?;
    metrics::counter!("chappe_automation_parked_total").increment(rows.len() as u64);
    Ok(rows.iter().map(read::reference_of).collect())
}
