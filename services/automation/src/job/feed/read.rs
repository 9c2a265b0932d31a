//! Feed rows as events, or as what cannot be read.

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{
    Timestamp,
    trace::{Kind, Span},
};
use chappe_proto::profile as pb;
use chappe_query::wire;

use crate::{
    domain::entry::EntryEvent,
    store::{entries::ProfileKey, feed::Parked, lanes::Held},
};

/// One row of the feed.
#[derive(Clone, Debug)]
pub(super) struct FeedEvent {
    pub(super) project: ProjectId,
    pub(super) profile: ProfileId,
    pub(super) lane: u8,
    pub(super) row_id: String,
    pub(super) event: EntryEvent,
    /// Its processing.
    pub(super) span: Span,
}

impl FeedEvent {
    pub(super) fn reference(&self) -> pb::FeedRowRef {
        pb::FeedRowRef {
            project_id: self.project.to_string(),
            row_id: self.row_id.clone(),
        }
    }

    pub(super) fn person(&self) -> ProfileKey {
        (self.project, self.profile)
    }

    /// What is kept of a row that is given up.
    pub(super) fn parked(&self, reason: &str) -> Parked {
        Parked {
            project: self.project,
            row_id: self.row_id.clone(),
            profile_id: self.profile.to_string(),
            event_id: self.event.id.to_string(),
            event_name: self.event.name.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// Names the row behind a parked one.
pub(super) fn reference_of(parked: &Parked) -> pb::FeedRowRef {
    pb::FeedRowRef {
        project_id: parked.project.to_string(),
        row_id: parked.row_id.clone(),
    }
}

/// Splits rows of held lanes into events, in their order, and rows that cannot be read. Rows of other lanes are
/// left to whoever drives those.
pub(super) fn events(rows: Vec<pb::FeedRow>, held: &Held) -> (Vec<FeedEvent>, Vec<(u8, Parked)>) {
    let (mut events, mut broken) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let Some(lane) = u8::try_from(row.lane).ok().filter(|lane| held.contains_key(lane)) else {
            continue;
        };
        let kept = Parked {
            project: row.project_id.parse().unwrap_or(Parked::NO_PROJECT),
            row_id: row.row_id.clone(),
            profile_id: row.profile_id.clone(),
            event_id: row
                .event
                .as_ref()
                .map(|event| event.event_id.clone())
                .unwrap_or_default(),
            event_name: row.event.as_ref().map(|event| event.name.clone()).unwrap_or_default(),
            reason: "the row has no valid project, profile or event id".to_owned(),
        };
        match event(row, lane) {
            Some(event) => events.push(event),
            None => broken.push((lane, kept)),
        }
    }
    (events, broken)
}

fn event(row: pb::FeedRow, lane: u8) -> Option<FeedEvent> {
    let event = row.event?;
    let span = Span::resume(Kind::Consumer, "process feed", &row.traceparent);
    span.set("messaging.operation.type", "process");
    span.set("messaging.destination.name", "feed");
    span.set("messaging.message.id", &row.row_id);
    span.set("chappe.profile.id", &row.profile_id);
    Some(FeedEvent {
        project: row.project_id.parse().ok()?,
        profile: row.profile_id.parse().ok()?,
        lane,
        row_id: row.row_id,
        event: EntryEvent {
            id: event.event_id.parse().ok()?,
            name: event.name,
            attributes: wire::attributes_from_proto(event.attributes),
            accepted_at: row.accepted_at.map(|at| timestamp(&at)).unwrap_or_default(),
            traceparent: span.traceparent_or(row.traceparent),
        },
        span,
    })
}

fn timestamp(at: &prost_types::Timestamp) -> Timestamp {
    Timestamp::from_micros(
        at.seconds
            .saturating_mul(1_000_000)
            .saturating_add(i64::from(at.nanos) / 1_000),
    )
}
