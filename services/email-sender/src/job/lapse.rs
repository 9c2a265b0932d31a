//! Settles messages whose claim has run out.

use std::{sync::Arc, time::Duration};

use chappe_kit::{Error, Timestamp};

use super::deliver::report_unknown;
use crate::{
    app::{App, topic},
    store,
};

/// How often claims are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// How far two looks may be apart while the database is well.
const LONGEST_GAP: Duration = Duration::from_secs(3);

/// How long the database has to be well before claims that ran out are settled: while it was away nobody could renew a
/// claim or record an answer, and those who live do so first.
const GRACE: Duration = Duration::from_secs(5);

pub(crate) async fn run(app: Arc<App>) {
    let mut looks = Looks::default();
    loop {
        if let Err(error) = settle(&app, |now| looks.are_steady(now)).await {
            error.log("settling claims that ran out");
        }
        if !app.runtime.lifecycle.pause(EVERY).await {
            break;
        }
    }
}

/// Settles every claim, run out or not: the process that made them is known to be dead.
pub(crate) async fn settle_all(app: &App) -> Result<u64, Error> {
    app.db.write(async |txn| store::lapse::end_all(txn).await).await?;
    once(app).await
}

/// Settles what has run out; tells how many messages that were.
pub(crate) async fn once(app: &App) -> Result<u64, Error> {
    settle(app, |_| true).await
}

async fn settle(app: &App, mut may: impl FnMut(Timestamp) -> bool) -> Result<u64, Error> {
    let mut total = 0;
    loop {
        let looked_at = app.db.now().await?;
        if !may(looked_at) {
            return Ok(total);
        }
        let now = app.now();
        let (queued, unknown) = app
            .db
            .write(async |txn| {
                let (queued, unknown) = store::lapse::settle(txn, looked_at, now).await?;
                report_unknown(txn, &unknown, now).await?;
                Ok((queued, unknown.len() as u64))
            })
            .await?;
        if queued + unknown == 0 {
            return Ok(total);
        }
        tracing::warn!(queued, unknown, "messages of a process that ended were settled");
        metrics::counter!("chappe_email_sender_lapsed_total", "state" => "queued").increment(queued);
        metrics::counter!("chappe_email_sender_lapsed_total", "state" => "unknown").increment(unknown);
        for topic in [topic::MESSAGES, topic::OUTCOMES, topic::ENGAGEMENT] {
            app.coordination.hints.notify(topic);
        }
        total += queued + unknown;
    }
}

/// Since when the database has answered without a pause, by its own time.
#[derive(Debug, Default)]
struct Looks {
    since: Timestamp,
    last: Timestamp,
}

impl Looks {
    /// Whether it has been well for long enough, this look included.
    fn are_steady(&mut self, now: Timestamp) -> bool {
        if self.last + LONGEST_GAP < now {
            self.since = now;
        }
        self.last = now;
        self.since + GRACE <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_pause_of_the_database_others_have_the_first_word() {
        let mut looks = Looks::default();
        let mut now = Timestamp::from_micros(1_700_000_000_000_000);
        let mut steady = |pause: Duration| {
            now = now + pause;
            looks.are_steady(now)
        };
        assert!(!steady(EVERY));
        assert!(!steady(EVERY));
        assert!(!steady(EVERY));
        assert!(steady(EVERY));
        assert!(steady(LONGEST_GAP));
        assert!(!steady(GRACE));
        assert!(!steady(LONGEST_GAP));
        assert!(steady(EVERY));
    }
}
