//! Messages go to email-sender, and are asked back from it.

use std::{collections::BTreeMap, mem, time::Duration};

use chappe_ids::{ClaimId, MessageId, ProjectId};
use chappe_kit::{
    Error, ErrorKind, Timestamp,
    grpc::{call, context::within},
    trace::{Kind, Span},
};
use chappe_proto::email as pb;
use chappe_query::wire;
use chappe_store::outbox::{self, Row, RowId};
use serde::Deserialize;

use super::{IDLE, Turn};
use crate::{
    app::App,
    domain::entry::Outgoing,
    store::{CANCEL, SEND, messages},
};

/// Messages of one claim: half of what one call may carry.
const BATCH: u32 = 500;

/// How long a claim is good: longer than the deadline of a call.
const LEASE: Duration = Duration::from_secs(30);

/// First pause before a message is handed over again; doubles with each attempt.
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// Longest pause before a message is handed over again.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Pause before a message is asked back that is just being handed over.
const AFTER_HANDOVER: Duration = Duration::from_millis(200);

/// What becomes of claimed rows.
#[derive(Default)]
struct Fate {
    done: Vec<RowId>,
    again: Vec<(RowId, Duration)>,
    parked: Vec<(RowId, String)>,
}

/// Hands messages over.
pub(super) async fn send(app: &App) -> Result<Turn, Error> {
    let (claim, rows) = claim(app, SEND).await?;
    let work = rows.len();
    let mut fate = Fate::default();
    for (project, rows) in by_project(rows) {
        let (mut ready, mut sources, mut spans) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            match Outgoing::deserialize(&row.message.payload) {
                Ok(mut message) => {
                    spans.push(span(&mut message));
                    ready.push(convert(message));
                    sources.push(row);
                }
                Err(_) => fate
                    .parked
                    .push((row.id(), "the stored message cannot be read".to_owned())),
            }
        }
        // What is done for all of them belongs to the first trace there is.
        let trace = spans.iter().find_map(Span::context);
        within(trace, enqueue(app, project, ready, &sources, &mut fate)).await;
        describe(&spans, &sources, &fate);
    }
    settle(app, claim, fate).await?;
    Ok(Turn::after(work, IDLE))
}

/// The way of a message to the receiver, who goes on from there.
fn span(message: &mut Outgoing) -> Span {
    let event = &mut message.event;
    let span = Span::resume(Kind::Producer, "send messages", &event.traceparent);
    event.traceparent = span.traceparent_or(mem::take(&mut event.traceparent));
    span.set("messaging.operation.type", "send");
    span.set("messaging.destination.name", "messages");
    span.set("messaging.message.id", message.message);
    span.set("chappe.automation.id", message.automation);
    span.set("chappe.profile.id", message.profile);
    span.set("chappe.step", &message.step);
    span
}

fn describe(spans: &[Span], rows: &[Row], fate: &Fate) {
    for (span, row) in spans.iter().zip(rows).filter(|(span, _)| span.is_recording()) {
        if fate.parked.iter().any(|(parked, _)| *parked == row.id()) {
            span.fail("parked");
        } else if fate.again.iter().any(|(again, _)| *again == row.id()) {
            span.fail("not_handed_over");
        }
    }
}

/// Hands over one project's messages. A refusal is tracked down to the message it is about.
async fn enqueue(app: &App, project: ProjectId, messages: Vec<pb::OutgoingMessage>, rows: &[Row], fate: &mut Fate) {
    if messages.is_empty() {
        return;
    }
    match call_enqueue(app, project, messages.clone()).await {
        Ok(()) => fate.done.extend(rows.iter().map(Row::id)),
        Err(error) if error.kind() != ErrorKind::InvalidArgument => {
            error.log("handing messages over");
            fate.again.extend(rows.iter().map(|row| (row.id(), retry_after(row))));
        }
        Err(_) => {
            for (message, row) in messages.into_iter().zip(rows) {
                match call_enqueue(app, project, vec![message]).await {
                    Ok(()) => fate.done.push(row.id()),
                    Err(error) if error.kind() == ErrorKind::InvalidArgument => {
                        fate.parked.push((row.id(), error.message().to_owned()));
                    }
                    Err(_) => fate.again.push((row.id(), retry_after(row))),
                }
            }
        }
    }
}

async fn call_enqueue(app: &App, project: ProjectId, messages: Vec<pb::OutgoingMessage>) -> Result<(), Error> {
    let request = call(project, pb::EnqueueRequest { messages });
    app.emails().enqueue(request).await?;
    Ok(())
}

#[derive(Deserialize)]
struct TakeBack {
    message: MessageId,
}

/// Asks messages back, as long as they wait at the receiver.
pub(super) async fn take_back(app: &App) -> Result<Turn, Error> {
    let (claim, rows) = claim(app, CANCEL).await?;
    let work = rows.len();
    let mut fate = Fate::default();
    for (project, rows) in by_project(rows) {
        let asked = rows
            .iter()
            .filter_map(|row| TakeBack::deserialize(&row.message.payload).ok());
        let ids: Vec<_> = asked.map(|asked| (project, asked.message)).collect();
        let on_the_way = messages::not_handed_over(app.db.read(), &ids).await?;
        let (mut ready, mut sources) = (Vec::new(), Vec::new());
        for row in rows {
            match TakeBack::deserialize(&row.message.payload) {
                // The receiver does not know it yet, and would take it afterwards.
                Ok(asked) if on_the_way.contains(&(project, asked.message)) => {
                    fate.again.push((row.id(), AFTER_HANDOVER));
                }
                Ok(asked) => {
                    ready.push(asked.message.to_string());
                    sources.push(row);
                }
                Err(_) => fate
                    .parked
                    .push((row.id(), "the stored message cannot be read".to_owned())),
            }
        }
        if ready.is_empty() {
            continue;
        }
        let request = call(project, pb::CancelRequest { message_ids: ready });
        match app.emails().cancel(request).await.map_err(Error::from) {
            Ok(_) => fate.done.extend(sources.iter().map(Row::id)),
            Err(error) => {
                error.log("taking messages back");
                fate.again
                    .extend(sources.iter().map(|row| (row.id(), retry_after(row))));
            }
        }
    }
    settle(app, claim, fate).await?;
    Ok(Turn::after(work, IDLE))
}

async fn claim(app: &App, topic: &str) -> Result<(ClaimId, Vec<Row>), Error> {
    let (claim, now) = (ClaimId::from_uuid(app.runtime.ids.uuid()), app.now());
    // Looking costs no turn of the one connection that writes.
    if outbox::oldest_due(app.db.read(), topic, now).await?.is_none() {
        return Ok((claim, Vec::new()));
    }
    let rows = app
        .db
        .write(async |txn| outbox::claim(txn, topic, now, claim, LEASE, BATCH).await)
        .await?;
    Ok((claim, rows))
}

async fn settle(app: &App, claim: ClaimId, fate: Fate) -> Result<(), Error> {
    if fate.done.is_empty() && fate.again.is_empty() && fate.parked.is_empty() {
        return Ok(());
    }
    let now = app.now();
    let mut again: BTreeMap<Duration, Vec<RowId>> = BTreeMap::new();
    for (row, after) in &fate.again {
        again.entry(*after).or_default().push(*row);
    }
    app.db
        .write(async |txn| {
            if !fate.done.is_empty() {
                outbox::ack(txn, claim, &fate.done).await?;
            }
            for (after, rows) in &again {
                outbox::retry(txn, claim, rows, now + *after).await?;
            }
            for (row, reason) in &fate.parked {
                outbox::park(txn, claim, *row, reason).await?;
            }
            Ok(())
        })
        .await?;
    metrics::counter!("chappe_automation_handed_over_total").increment(fate.done.len() as u64);
    metrics::counter!("chappe_automation_parked_total").increment(fate.parked.len() as u64);
    Ok(())
}

fn by_project(rows: Vec<Row>) -> BTreeMap<ProjectId, Vec<Row>> {
    let mut by_project: BTreeMap<ProjectId, Vec<Row>> = BTreeMap::new();
    for row in rows {
        by_project.entry(row.message.project).or_default().push(row);
    }
    by_project
}

fn retry_after(row: &Row) -> Duration {
    let doublings = u32::try_from(row.attempts.clamp(1, 16) - 1).unwrap_or_default();
    (FIRST_RETRY * 2_u32.pow(doublings)).min(LONGEST_RETRY)
}

fn convert(message: Outgoing) -> pb::OutgoingMessage {
    pb::OutgoingMessage {
        message_id: message.message.to_string(),
        profile_id: message.profile.to_string(),
        template: message.template,
        sender: message.sender,
        orchestration_id: message.automation.to_string(),
        step: message.step,
        event_attributes: wire::attributes_to_proto(&message.event.attributes),
        event_name: message.event.name,
        event_accepted_at: Some(timestamp(message.event.accepted_at)),
        lane: i32::from(message.lane),
        traceparent: message.event.traceparent,
    }
}

fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let utc = at.to_utc();
    prost_types::Timestamp {
        seconds: utc.timestamp(),
        nanos: i32::try_from(utc.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}
