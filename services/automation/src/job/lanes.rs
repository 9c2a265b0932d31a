//! Shares out the lanes among the processes that live.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

use chappe_ids::LANES as ALL;
use chappe_kit::{BestEffort as _, Error};

use super::{LANES, Turn};
use crate::{app::App, store::lanes};

/// Renewed at a third of the lease: two renewals may be lost.
const PAUSE: Duration = Duration::from_secs(lanes::LEASE.as_secs() / 3);

pub(super) async fn turn(app: &App) -> Result<Turn, Error> {
    let joins = !app.has_joined.load(Ordering::SeqCst);
    let evicts = joins && app.config.exclusive_store;
    let (held, next, released) = app
        .db
        .write(async |txn| {
            if joins {
                lanes::seed(txn).await?;
            }
            if evicts {
                lanes::evict_others(txn, app.worker).await?;
            }
            let workers = lanes::heartbeat(txn, app.worker).await?.max(1);
            let share = usize::from(ALL).div_ceil(workers);
            let mut held = lanes::renew(txn, app.worker).await?;
            let excess: BTreeSet<u8> = held.keys().copied().skip(share).collect();
            if excess.is_empty() {
                held.extend(lanes::take(txn, app.worker, share - held.len()).await?);
            } else {
                held.retain(|lane, _| !excess.contains(lane));
                lanes::release(txn, app.worker, &excess).await?;
            }
            let next = lanes::next_free(txn, app.worker).await?;
            Ok((held, next, !excess.is_empty()))
        })
        .await?;
    app.has_joined.store(true, Ordering::SeqCst);
    metrics::gauge!("chappe_automation_lanes").set(u32::try_from(held.len()).unwrap_or_default());
    app.held.send_if_modified(|before| {
        let differs = *before != held;
        *before = held;
        differs
    });
    if released {
        app.coordination.hints.notify(LANES);
    }
    // Lanes of a process that says nothing more change hands as soon as their lease is over.
    let pause = next.map_or(PAUSE, |next| PAUSE.min(next));
    Ok(Turn { work: 0, pause })
}

/// Gives every lane back, so that another process need not wait for the leases to run out.
pub(super) async fn leave(app: &App) {
    app.held.send_replace(lanes::Held::new());
    let left = app.db.write(async |txn| lanes::leave(txn, app.worker).await).await;
    if left.best_effort("give the lanes back").is_some() {
        app.coordination.hints.notify(LANES);
    }
}
