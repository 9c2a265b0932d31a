//! Turns answers into states and writes them in bulk.

use std::{collections::HashMap, time::Duration};

use chappe_ids::ClaimId;
use chappe_kit::{Error, Timestamp, trace::Span};
use chappe_smtp::{Enhanced, Outcome};

use crate::{
    app::{App, topic},
    domain::{
        bounce::{self, Bounce},
        message::{Claimed, Class, State},
        retry,
        token::AddressHash,
    },
    store::{self, attempt::Verdict},
};

/// Pause before answers that could not be written are written again.
const RETRY: Duration = Duration::from_millis(200);

/// Characters of an answer that are kept.
const MAX_REASON: usize = 300;

/// A message whose answer is awaited.
pub(super) struct Pending {
    pub(super) message: Claimed,
    pub(super) hash: AddressHash,
    pub(super) first_attempt_at: Timestamp,
}

/// What came of handing a message over.
pub(super) enum Sent {
    /// The pool knows.
    Answered(Outcome),
    /// The relay was not reached, and why.
    Unreached(String),
    /// It was not handed over: its consent had grown old, or this process ends.
    Not,
}

/// Writes answers, for as long as it takes: they are known to nobody else.
pub(super) async fn record(app: &App, claim: ClaimId, answers: Vec<(Pending, Sent)>) {
    if answers.is_empty() {
        return;
    }
    let now = app.now();
    let verdicts: Vec<_> = answers
        .iter()
        .map(|(pending, sent)| verdict(app, pending, sent, now))
        .collect();
    for ((pending, _), verdict) in answers.iter().zip(&verdicts) {
        describe(&pending.message.span, verdict.state);
    }
    let condemned: Vec<_> = answers
        .iter()
        .filter(|(_, sent)| matches!(bounce_of(sent), Some(Bounce::Hard)))
        .map(|(pending, _)| (pending.message.project, pending.hash))
        .collect();
    let events: HashMap<_, _> = verdicts.iter().map(|it| (it.message, it.events.clone())).collect();
    loop {
        let written = app.db.write(async |txn| {
            let finished = store::attempt::record(txn, claim, State::Attempting, &verdicts, now).await?;
            let both = Class::Marketing.code() | Class::Transactional.code();
            store::address::suppress(txn, &condemned, "hard_bounce", both, now).await?;
            store::outcome::report(txn, &finished, &events, now).await
        });
        match written.await {
            Ok(()) => break,
            Err(error) => error.log("recording what became of messages"),
        }
        if !app.runtime.lifecycle.pause(RETRY).await {
            tracing::warn!(
                messages = verdicts.len(),
                "stopping without having recorded what became of messages"
            );
            return;
        }
    }
    for verdict in &verdicts {
        metrics::counter!("chappe_email_sender_attempts_total", "state" => name(verdict.state)).increment(1);
    }
    announce(app, verdicts.iter().any(|it| it.state.is_final()));
}

fn describe(span: &Span, state: State) {
    span.set("chappe.message.state", name(state));
    if state != State::Accepted {
        span.fail(name(state));
    }
}

/// Wakes those who wait for outcomes and reports, if there are new ones.
pub(super) fn announce(app: &App, news: bool) {
    if news {
        app.coordination.hints.notify(topic::OUTCOMES);
        app.coordination.hints.notify(topic::ENGAGEMENT);
    }
}

fn name(state: State) -> &'static str {
    match state {
        State::Accepted => "accepted",
        State::Rejected => "rejected",
        State::Unknown => "unknown",
        State::Deferred => "deferred",
        _ => "queued",
    }
}

fn bounce_of(sent: &Sent) -> Option<Bounce> {
    match sent {
        Sent::Answered(Outcome::Rejected { code, enhanced, text }) => Some(bounce::classify(*code, *enhanced, text)),
        _ => None,
    }
}

/// The state that follows from an answer.
fn verdict(app: &App, pending: &Pending, sent: &Sent, now: Timestamp) -> Verdict {
    match sent {
        Sent::Not => again(pending, now, false, None),
        Sent::Unreached(why) => away(app, pending, now, why),
        Sent::Answered(Outcome::Deferred { code, enhanced, text }) if bounce::is_about_the_path(*code, *enhanced) => {
            away(app, pending, now, &reply(*code, *enhanced, text))
        }
        Sent::Answered(outcome) => {
            app.path_worked();
            answered(app, pending, outcome, now)
        }
    }
}

/// It waits until the relay is tried again, or is given up if that went on for as long as its class allows.
fn away(app: &App, pending: &Pending, now: Timestamp, reason: &str) -> Verdict {
    let until = app.path_failed(now);
    if pending.first_attempt_at + retry::give_up_after(pending.message.class) < now {
        rejected(pending, reason, Bounce::Soft)
    } else {
        again(pending, until, false, Some(reason))
    }
}

fn answered(app: &App, pending: &Pending, outcome: &Outcome, now: Timestamp) -> Verdict {
    let jitter = u16::from_le_bytes(app.runtime.ids.secret());
    let message = &pending.message;
    let next = retry::next_attempt(
        message.class,
        message.attempts + 1,
        pending.first_attempt_at,
        now,
        jitter,
    );
    match (outcome, next) {
        (Outcome::Accepted { .. }, _) => ended(pending, State::Accepted, None, vec!["email_sent", "email_delivered"]),
        (Outcome::Deferred { code, enhanced, text }, Some(due_at)) => Verdict {
            state: State::Deferred,
            ..again(pending, due_at, true, Some(&reply(*code, *enhanced, text)))
        },
        (Outcome::Deferred { code, enhanced, text }, None) => {
            rejected(pending, &reply(*code, *enhanced, text), Bounce::Soft)
        }
        (Outcome::Rejected { code, enhanced, text }, _) => {
            let bounce = bounce::classify(*code, *enhanced, text);
            rejected(pending, &reply(*code, *enhanced, text), bounce)
        }
        (Outcome::Invalid { why }, _) => rejected(pending, why, Bounce::Soft),
        // Transactional mail is sent again under the same Message-ID, but not at once: a relay that always hangs up
        // would get it over and over.
        (Outcome::Ambiguous { why }, Some(due_at)) if message.class == Class::Transactional => {
            again(pending, due_at, true, Some(why))
        }
        (Outcome::Late, _) => again(pending, now, false, None),
        (Outcome::Ambiguous { why } | Outcome::NotSent { why }, _) => {
            ended(pending, State::Unknown, Some(why), vec!["email_sent"])
        }
    }
}

fn again(pending: &Pending, due_at: Timestamp, counts: bool, reason: Option<&str>) -> Verdict {
    Verdict {
        message: pending.message.key(),
        state: State::Queued,
        reason: reason.map(short),
        due_at: Some(due_at),
        counts,
        events: Vec::new(),
    }
}

fn rejected(pending: &Pending, reason: &str, bounce: Bounce) -> Verdict {
    ended(
        pending,
        State::Rejected,
        Some(reason),
        vec!["email_sent", bounce.event()],
    )
}

fn ended(pending: &Pending, state: State, reason: Option<&str>, events: Vec<&'static str>) -> Verdict {
    Verdict {
        message: pending.message.key(),
        state,
        reason: reason.map(short),
        due_at: None,
        counts: true,
        events,
    }
}

fn reply(code: u16, enhanced: Option<Enhanced>, text: &str) -> String {
    let enhanced = enhanced.map_or_else(String::new, |enhanced| format!(" {enhanced}"));
    format!("{code}{enhanced} {text}")
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect()
}

/// Reports messages whose lease ran out while they were attempted.
pub(crate) async fn report_unknown(
    txn: &sea_orm::DatabaseTransaction,
    unknown: &[store::attempt::Finished],
    now: Timestamp,
) -> Result<(), Error> {
    let events: HashMap<_, _> = unknown.iter().map(|it| (it.message, vec!["email_sent"])).collect();
    store::outcome::report(txn, unknown, &events, now).await
}
