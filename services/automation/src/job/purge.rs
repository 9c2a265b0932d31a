//! Forgets what is old, in batches.

use std::time::Duration;

use chappe_kit::Error;
use chappe_store::retired;

use super::Turn;
use crate::{
    app::App,
    store::{definitions, entries, feed},
};

/// How long entries are kept after their end: `maxEntries` and `gracePeriod` look back at them. Two years and a
/// day, so that the longest grace period is over.
const ENTRIES_KEPT: Duration = Duration::from_hours(24 * 732);

/// Rows of one deletion.
const BATCH: u32 = 1_000;

const PAUSE: Duration = Duration::from_mins(1);

pub(super) async fn turn(app: &App) -> Result<Turn, Error> {
    let now = app.now();
    let deleted = app
        .db
        .write(async |txn| {
            let deleted = feed::purge(txn, now, BATCH).await?
                + entries::purge(txn, now - ENTRIES_KEPT, BATCH).await?
                + retired::purge(txn, now, BATCH).await?;
            definitions::purge(txn).await?;
            Ok(deleted)
        })
        .await?;
    Ok(Turn::after(usize::try_from(deleted).unwrap_or(usize::MAX), PAUSE))
}
