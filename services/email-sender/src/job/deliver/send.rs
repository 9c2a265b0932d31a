//! Hands the messages of a batch to the pool as it has room, keeps the lease, and has the answers recorded in bulk.

use std::{sync::Arc, time::Duration};

use chappe_kit::{
    BestEffort as _, Timestamp,
    trace::{Kind, Span},
};
use chappe_smtp::{Envelope, Outcome};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{
    attempt::AttemptedBatch,
    record::{self, Sent},
};
use crate::{
    app::App,
    domain::decision::CONSENT_AGE,
    store::{self, claim::LEASE},
};

/// How long an answer waits for others, so that they are recorded together.
const GATHER: Duration = Duration::from_millis(50);

pub(super) async fn send(app: &Arc<App>, batch: AttemptedBatch) {
    let AttemptedBatch {
        claim,
        read_at,
        letters,
    } = batch;
    let mut sending = JoinSet::new();
    let mut waiting = Vec::with_capacity(letters.len());
    for (index, letter) in letters.into_iter().enumerate() {
        let envelope = Envelope {
            data: letter.envelope.data,
            ..letter.envelope
        };
        let attempt = letter.message.span.clone();
        waiting.push(Some(record::Pending {
            hash: letter.hash,
            first_attempt_at: letter.first_attempt_at,
            message: letter.message,
        }));
        let app = Arc::clone(app);
        sending.spawn(async move { (index, hand_over(&app, envelope, read_at, &attempt).await) });
    }
    let mut answers = Vec::new();
    let mut renew_at = Instant::now() + LEASE / 3;
    let mut record_at = renew_at;
    loop {
        let wake = if answers.is_empty() {
            renew_at
        } else {
            record_at.min(renew_at)
        };
        match timeout_at(wake, sending.join_next()).await {
            Ok(None) => break,
            Ok(Some(Ok((index, sent)))) => {
                if answers.is_empty() {
                    record_at = Instant::now() + GATHER;
                }
                answers.extend(waiting[index].take().map(|pending| (pending, sent)));
            }
            // The message stays marked; its lease runs out and its class decides.
            Ok(Some(Err(_))) => tracing::error!("handing a message to the relay panicked"),
            Err(_) => {}
        }
        let now = Instant::now();
        if now >= renew_at {
            let renewed = app.db.write(async |txn| store::claim::renew(txn, claim).await).await;
            renewed.best_effort("renew the lease of a batch");
            renew_at = Instant::now() + LEASE / 3;
        }
        if now >= record_at && !answers.is_empty() {
            record::record(app, claim, std::mem::take(&mut answers)).await;
        }
    }
    record::record(app, claim, answers).await;
}

/// Waits for room on the wire, looks once more how old the consent is, and sends.
async fn hand_over(app: &App, envelope: Envelope, read_at: Timestamp, attempt: &Span) -> Sent {
    let Ok(_room) = app.window.acquire().await else {
        return Sent::Not;
    };
    let fresh_for = (read_at + CONSENT_AGE).micros() - app.now().micros();
    let Ok(fresh_for) = u64::try_from(fresh_for).map(Duration::from_micros) else {
        return Sent::Not;
    };
    let span = attempt
        .context()
        .map(|attempt| Span::child(Kind::Client, "smtp send", attempt));
    let outcome = app.pool.send_one_by(envelope, Instant::now() + fresh_for).await;
    span.inspect(|span| describe(span, &outcome));
    match outcome {
        Outcome::Late => Sent::Not,
        // The pool gave back what it had not begun.
        Outcome::NotSent { .. } if app.runtime.lifecycle.is_stopping() => Sent::Not,
        Outcome::NotSent { why } => Sent::Unreached(why),
        outcome => Sent::Answered(outcome),
    }
}

/// Without what the relay says: it may repeat the address.
fn describe(span: &Span, outcome: &Outcome) {
    span.set("network.protocol.name", "smtp");
    match outcome {
        Outcome::Accepted { .. } => {}
        Outcome::Deferred { code, .. } | Outcome::Rejected { code, .. } => span.fail(code),
        Outcome::Invalid { .. } => span.fail("invalid"),
        Outcome::Ambiguous { .. } => span.fail("ambiguous"),
        Outcome::NotSent { .. } => span.fail("not_sent"),
        Outcome::Late => span.fail("late"),
    }
}
