//! Delivery, one micro-batch at a time:
//!
//! ```text
//! claim ─▶ decide ─▶ render ─▶ attempt ─▶ send ─▶ record
//! ```
//!
//! Three short transactions each: claiming, marking before the first octet, recording after the answers. Nothing else
//! holds the store, and several batches are on their way at once.

mod attempt;
mod claim;
mod decide;
mod record;
mod render;
mod send;

use std::{sync::Arc, time::Duration};

use chappe_kit::{Error, grpc::context::within, lifecycle::TaskKind, trace::Span};

use crate::app::{App, topic};
use claim::Batch;

pub(crate) use record::report_unknown;

/// Polling begins with this pause and doubles up to the longest while there is nothing to do.
const SHORTEST_IDLE: Duration = Duration::from_millis(20);
const LONGEST_IDLE: Duration = Duration::from_millis(500);

/// Delivers until the shutdown, then waits for what is on its way.
pub(crate) async fn run(app: Arc<App>) {
    let mut hints = app.coordination.hints.subscribe(topic::MESSAGES);
    let lifecycle = app.runtime.lifecycle.clone();
    let mut idle = SHORTEST_IDLE;
    while !lifecycle.is_stopping() {
        let Ok(slot) = Arc::clone(&app.batches).acquire_owned().await else {
            return;
        };
        match claim::take(&app).await {
            Ok(Some(batch)) => {
                idle = SHORTEST_IDLE;
                let app = Arc::clone(&app);
                lifecycle.spawn(TaskKind::Work, "email-sender.batch", async move {
                    if let Err(error) = deliver(&app, batch).await {
                        error.log("delivering a batch of messages");
                        // The next batch would meet the same; its slot stays taken for a while.
                        app.runtime.lifecycle.pause(LONGEST_IDLE).await;
                    }
                    drop(slot);
                });
                continue;
            }
            Ok(None) => {}
            Err(error) => error.log("claiming messages"),
        }
        drop(slot);
        tokio::select! {
            hint = hints.wait(idle) => idle = if hint { SHORTEST_IDLE } else { (idle * 2).min(LONGEST_IDLE) },
            () = lifecycle.stopping() => {}
        }
    }
    let all = app.config.batches_in_flight.max(1);
    // What the relay has not begun to take is queued again; the rest is waited for.
    let (batches, ()) = tokio::join!(app.batches.acquire_many(all), app.pool.close());
    drop(batches);
}

/// One micro-batch to its end; tells how many messages it had.
pub(crate) async fn once(app: &Arc<App>) -> Result<usize, Error> {
    let Some(batch) = claim::take(app).await? else {
        return Ok(0);
    };
    let count = batch.messages.len();
    deliver(app, batch).await?;
    Ok(count)
}

async fn deliver(app: &Arc<App>, batch: Batch) -> Result<(), Error> {
    let claim = batch.claim;
    let refs: Vec<_> = batch
        .messages
        .iter()
        .map(crate::domain::message::Claimed::key)
        .collect();
    let sampled = batch.messages.iter().filter(|it| it.span.is_recording());
    let spans: Vec<Span> = sampled.map(|it| it.span.clone()).collect();
    let trace = spans.iter().find_map(Span::context);
    let prepared = within(trace, async {
        let decided = decide::decide(app, batch).await?;
        render::render(app, decided).await
    });
    match prepared.await {
        Ok(rendered) => {
            drop(spans);
            let attempted = attempt::mark(app, rendered).await?;
            send::send(app, attempted).await;
            Ok(())
        }
        // Nothing has left: the messages wait for what was missing.
        Err(error) => {
            for span in spans {
                span.fail(error.reason());
            }
            claim::release(app, claim, &refs).await?;
            Err(error)
        }
    }
}
