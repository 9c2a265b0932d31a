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

pub(crate) async fn run(app: Arc<App>) {
    while app.runtime.lifecycle.pause(EVERY).await {
        if let Err(error) = once(&app).await {
            error.log("settling claims that ran out");
        }
    }
}

/// Settles what has run out by now; tells how many messages that were.
pub(crate) async fn once(app: &App) -> Result<u64, Error> {
    settle(app, app.now()).await
}

/// Settles every claim, run out or not: the process that made them is known to be dead.
pub(crate) async fn settle_all(app: &App) -> Result<u64, Error> {
    settle(app, Timestamp::from_micros(i64::MAX)).await
}

async fn settle(app: &App, before: Timestamp) -> Result<u64, Error> {
    let mut total = 0;
    loop {
        let now = app.now();
        let (queued, unknown) = app
            .db
            .write(async |txn| {
                let (queued, unknown) = store::lapse::settle(txn, before, now).await?;
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
