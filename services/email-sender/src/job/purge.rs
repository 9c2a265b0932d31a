//! Forgets retired profile ids whose time is over.

use std::{sync::Arc, time::Duration};

use chappe_kit::Error;
use chappe_store::retired;

use crate::app::App;

const EVERY: Duration = Duration::from_hours(1);

/// Rows deleted in one transaction.
const BATCH: u32 = 1_000;

pub(crate) async fn run(app: Arc<App>) {
    while app.runtime.lifecycle.pause(EVERY).await {
        if let Err(error) = once(&app).await {
            error.log("forgetting retired profile ids");
        }
    }
}

async fn once(app: &App) -> Result<(), Error> {
    let now = app.now();
    while app.db.write(async |txn| retired::purge(txn, now, BATCH).await).await? == u64::from(BATCH) {}
    Ok(())
}
