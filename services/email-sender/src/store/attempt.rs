//! The two writes around a delivery: marked before its first octet, recorded after its answer.

use chappe_ids::{ClaimId, ProfileId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql, lease};
use sea_orm::{DatabaseTransaction, QueryResult};

use super::claim::LEASE;
use crate::domain::message::{MessageRef, State};

/// A message about to be sent.
pub(crate) struct Attempt {
    pub(crate) message: MessageRef,
    /// The profile it goes to: another than at first if that one was merged.
    pub(crate) profile: ProfileId,
    pub(crate) recipient: String,
    pub(crate) links: Vec<String>,
    pub(crate) first_attempt_at: Timestamp,
}

/// Marks messages as being attempted. Answers those that the claim still held: the others are somebody else's now.
pub(crate) async fn mark(
    txn: &DatabaseTransaction,
    claim: ClaimId,
    attempts: &[Attempt],
) -> Result<Vec<MessageRef>, Error> {
    if attempts.is_empty() {
        return Ok(Vec::new());
    }
    let mut sorted: Vec<_> = attempts.iter().collect();
    sorted.sort_unstable_by_key(|it| it.message);
    let links = sorted.iter().map(|it| serde_json::Value::from(it.links.as_slice()));
    let rows = Rows::new(sorted.len())
        .uuids("r_project", sorted.iter().map(|it| it.message.0))
        .uuids("r_message", sorted.iter().map(|it| it.message.1))
        .uuids("r_profile", sorted.iter().map(|it| it.profile))
        .texts("r_recipient", sorted.iter().map(|it| it.recipient.as_str()))
        .json("r_links", links)
        .times("r_first", sorted.iter().map(|it| it.first_attempt_at));
    let marked = Sql::new(
        "update messages set state = 3, attempts = attempts + 1, lease_until = {db_now} + {lease}, profile_id = r.r_profile,
           recipient = r.r_recipient, links = r.r_links, first_attempt_at = r.r_first
         from {rows} as r
         where project_id = r.r_project and message_id = r.r_message and claimed_by = {claim} and state = 2
         returning project_id, message_id",
    )
    .bind("lease", lease::micros(LEASE))
    .bind("claim", claim)
    .rows("rows", rows)
    .all(txn)
    .await?;
    marked
        .iter()
        .map(|row| Ok((row.get("project_id")?, row.get("message_id")?)))
        .collect()
}

/// What is written about a message under a claim.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) message: MessageRef,
    pub(crate) state: State,
    pub(crate) reason: Option<String>,
    /// When it is due again, if it is.
    pub(crate) due_at: Option<Timestamp>,
    /// Whether the attempt counts. A message without any begins anew.
    pub(crate) counts: bool,
    /// The native events that tell of it.
    pub(crate) events: Vec<&'static str>,
}

/// A message that reached a state from which nothing goes on.
pub(crate) struct Finished {
    pub(crate) message: MessageRef,
    pub(crate) profile: ProfileId,
    pub(crate) lane: i64,
    pub(crate) state: i64,
    pub(crate) reason: Option<String>,
    pub(crate) template: String,
    pub(crate) orchestration: String,
    pub(crate) step: String,
    pub(crate) traceparent: Option<String>,
}

impl Finished {
    /// Why it was not sent, if it was not. What a receiver answered stays here.
    pub(super) fn skip_reason(&self) -> Option<&str> {
        self.reason.as_deref().filter(|_| self.state == State::Skipped.code())
    }

    pub(super) fn read(row: &QueryResult) -> Result<Self, Error> {
        Ok(Self {
            message: (row.get("project_id")?, row.get("message_id")?),
            profile: row.get("profile_id")?,
            lane: row.get("lane")?,
            state: row.get("state")?,
            reason: row.get("reason")?,
            template: row.get("template")?,
            orchestration: row.get("orchestration_id")?,
            step: row.get("step")?,
            traceparent: row.get("traceparent")?,
        })
    }
}

/// Writes verdicts about messages that the claim still holds in state `from`. Answers the ones that ended.
pub(crate) async fn record(
    txn: &DatabaseTransaction,
    claim: ClaimId,
    from: State,
    verdicts: &[Verdict],
    now: Timestamp,
) -> Result<Vec<Finished>, Error> {
    if verdicts.is_empty() {
        return Ok(Vec::new());
    }
    let mut sorted: Vec<_> = verdicts.iter().collect();
    sorted.sort_unstable_by_key(|it| it.message);
    let rows = Rows::new(sorted.len())
        .uuids("r_project", sorted.iter().map(|it| it.message.0))
        .uuids("r_message", sorted.iter().map(|it| it.message.1))
        .ints("r_state", sorted.iter().map(|it| it.state.code()))
        .opt_texts("r_reason", sorted.iter().map(|it| it.reason.as_deref()))
        .opt_times("r_due", sorted.iter().map(|it| it.due_at))
        .ints("r_uncounted", sorted.iter().map(|it| i64::from(!it.counts)))
        .opt_times("r_finished", sorted.iter().map(|it| it.state.is_final().then_some(now)));
    let recorded = Sql::new(
        "update messages set state = r.r_state, reason = r.r_reason, due_at = coalesce(r.r_due, due_at),
           attempts = attempts - r.r_uncounted,
           first_attempt_at = case when attempts > r.r_uncounted then first_attempt_at end, finished_at = r.r_finished, claimed_by = null, lease_until = null,
           event_attributes = case when r.r_finished is null then event_attributes end
         from {rows} as r
         where project_id = r.r_project and message_id = r.r_message and claimed_by = {claim} and state = {from}
         returning project_id, message_id, profile_id, lane, state, reason, template, orchestration_id, step, traceparent",
    )
    .bind("claim", claim)
    .bind("from", from.code())
    .rows("rows", rows)
    .all(txn)
    .await?;
    let is_final = |finished: &Finished| State::from_code(finished.state).is_some_and(State::is_final);
    let recorded = recorded.iter().map(Finished::read).collect::<Result<Vec<_>, _>>()?;
    Ok(recorded.into_iter().filter(is_final).collect())
}
