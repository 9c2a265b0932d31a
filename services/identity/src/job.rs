//! Forgets erased custom ids and retired profile ids whose time is over: it is promised in every certificate.

use std::{sync::Arc, time::Duration};

use chappe_kit::Error;
use chappe_store::retired;

use crate::{App, store};

const EVERY: Duration = Duration::from_hours(1);

/// Rows deleted in one transaction.
const BATCH: u32 = 1_000;

pub(crate) async fn run(app: Arc<App>) {
    while app.runtime.lifecycle.pause(EVERY).await {
        if let Err(error) = purge(&app).await {
            error.log("forgetting erased and retired ids");
        }
    }
}

/// One pass.
pub(crate) async fn purge(app: &App) -> Result<(), Error> {
    let now = app.runtime.clock.now();
    let mut most = u64::from(BATCH);
    while most == u64::from(BATCH) {
        let blocked = app.db.write(async |txn| store::blocked::purge(txn, now, BATCH).await);
        let retired = app.db.write(async |txn| retired::purge(txn, now, BATCH).await);
        most = blocked.await?.max(retired.await?);
    }
    Ok(())
}
