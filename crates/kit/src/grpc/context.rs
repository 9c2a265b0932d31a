//! What a call hands on to the calls it makes: how much time is left, and whose trace it is.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

tokio::task_local! {
    static CONTEXT: Context;
}

/// Time a call keeps for itself when it hands the rest on: for its own answer to travel.
const MARGIN: Duration = Duration::from_millis(10);

/// The context of the call being served.
#[derive(Clone, Debug)]
pub struct Context {
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// W3C trace context, as received or begun here.
    pub traceparent: String,
}

impl Context {
    /// Runs a future within this context.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CONTEXT.scope(self, future)
    }
}

/// Time left for a call made now: what remains less a margin of 10 ms or 5 %, or `default` outside a call.
pub fn remaining(default: Duration) -> Duration {
    CONTEXT
        .try_with(|context| {
            let left = context.deadline.saturating_duration_since(Instant::now());
            left.saturating_sub(MARGIN.max(left / 20)).min(default)
        })
        .unwrap_or(default)
}

/// Trace context of the call being served; empty outside one.
pub fn traceparent() -> String {
    CONTEXT
        .try_with(|context| context.traceparent.clone())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_child_gets_less_than_its_parent() {
        let deadline = Instant::now() + Duration::from_secs(1);
        let context = Context {
            deadline,
            traceparent: String::new(),
        };
        let left = context.scope(async { remaining(Duration::from_secs(10)) }).await;
        assert_eq!(left, Duration::from_millis(950));
        assert_eq!(remaining(Duration::from_secs(10)), Duration::from_secs(10));
    }
}
