//! Waits until everything that was begun has ended.

use std::time::Duration;

use anyhow::Result;
use indicatif::ProgressBar;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::{expect::Expected, judge::Judge};
use crate::{capture::Mailbox, client::Client, import};

/// How often mailbox and status are looked at.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long nothing may move before the wait is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long everything must have been quiet: a message on its way between two services is in no count.
const QUIET: Duration = Duration::from_millis(500);

/// Reads mails until all that are expected have arrived and nothing is under way any more, or until nothing has
/// moved for long. Answers the last status.
pub(super) async fn settle(
    client: &Client,
    mailbox: &Mailbox,
    judge: &mut Judge,
    expected: &Expected,
    bar: &ProgressBar,
) -> Result<Json> {
    let mut before = (0, Json::Null);
    let mut moved = Instant::now();
    loop {
        let status = client.get("/chappe/v1/status").await?;
        let arrived = judge.collect(mailbox);
        bar.set_position(arrived);
        let now = (arrived, status);
        if now != before {
            (before, moved) = (now, Instant::now());
        }
        let (arrived, status) = &before;
        let complete = *arrived >= count(expected.mails.len()) && skips(status) >= expected.skips();
        let patience = if complete && is_idle(status) { QUIET } else { PATIENCE };
        if moved.elapsed() >= patience {
            return Ok(before.1);
        }
        import::pause(INTERVAL).await;
    }
}

fn is_idle(status: &Json) -> bool {
    let live = status["automations"].as_array().into_iter().flatten();
    let live = live.filter_map(|automation| automation["live"].as_u64()).sum::<u64>();
    live == 0 && status["messages"]["queued"] == 0 && status["messages"]["deferred"] == 0
}

fn skips(status: &Json) -> u64 {
    status["messages"]["skipped"].as_u64().unwrap_or_default()
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
