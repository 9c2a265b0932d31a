//! Forgets what is past its time, in batches: finished messages and retired profile ids.

use std::{sync::Arc, time::Duration};

use chappe_kit::Error;
use chappe_store::retired;

use crate::{app::App, domain::token, store};

const EVERY: Duration = Duration::from_hours(1);

/// Rows of a table deleted in one transaction.
const BATCH: u32 = 1_000;

pub(crate) async fn run(app: Arc<App>) {
    while app.runtime.lifecycle.pause(EVERY).await {
        if let Err(error) = once(&app).await {
            error.log("forgetting old messages and retired profile ids");
        }
    }
}

/// Forgets everything that is past its time; tells how many messages that was.
pub(crate) async fn once(app: &App) -> Result<u64, Error> {
    let now = app.now();
    let mut forgotten = 0;
    loop {
        let (messages, ids) = app
            .db
            .write(async |txn| {
                let messages = store::message::purge(txn, now - messages_kept(), BATCH).await?;
                Ok((messages, retired::purge(txn, now, BATCH).await?))
            })
            .await?;
        forgotten += messages;
        if messages.max(ids) < u64::from(BATCH) {
            return Ok(forgotten);
        }
    }
}

/// How long a message is kept after its end: until the last day on which a click on it is taken is over.
fn messages_kept() -> Duration {
    Duration::from_hours(24 * (u64::from(token::LIFE_DAYS) + 1))
}
