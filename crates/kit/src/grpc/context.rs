//! What a call hands on to the calls it makes: how much time is left, and whose trace it is.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

use crate::trace::TraceContext;

tokio::task_local! {
    static CONTEXT: Context;
}

/// Time a call keeps for itself when it hands the rest on: for its own answer to travel.
const MARGIN: Duration = Duration::from_millis(10);

/// The context of the work being done.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// When the caller stops waiting; `None` where nobody waits.
    pub deadline: Option<Instant>,
    /// The trace of the caller, or the one begun here.
    pub trace: TraceContext,
}

impl Context {
    /// Runs a future within this context.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CONTEXT.scope(self, future)
    }

    fn current() -> Option<Self> {
        CONTEXT.try_with(|context| *context).ok()
    }
}

/// Runs a future as part of a trace, if there is one; time is left as it is.
pub async fn within<F: Future>(trace: Option<TraceContext>, future: F) -> F::Output {
    match trace {
        None => future.await,
        Some(trace) => {
            let deadline = Context::current().and_then(|context| context.deadline);
            Context { deadline, trace }.scope(future).await
        }
    }
}

/// Time left for a call made now: what remains less a margin of 10 ms or 5 %, or `default` where nobody waits.
pub fn remaining(default: Duration) -> Duration {
    Context::current()
        .and_then(|context| context.deadline)
        .map_or(default, |deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            left.saturating_sub(MARGIN.max(left / 20)).min(default)
        })
}

/// The trace of the work being done.
pub fn trace() -> Option<TraceContext> {
    Context::current().map(|context| context.trace)
}

/// What to keep with work that is left for later, as a `traceparent`; `None` unless the trace is sampled.
pub fn kept_trace() -> Option<String> {
    trace().filter(TraceContext::is_sampled).map(|trace| trace.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[tokio::test(start_paused = true)]
    async fn a_child_gets_less_than_its_parent() {
        let context = Context {
            deadline: Some(Instant::now() + Duration::from_secs(1)),
            trace: TraceContext::unsampled(),
        };
        let left = context.scope(async { remaining(Duration::from_secs(10)) }).await;
        assert_eq!(left, Duration::from_millis(950));
        let another = TraceContext::parse(SAMPLED);
        let left = within(another, async { remaining(Duration::from_secs(10)) });
        assert_eq!(context.scope(left).await, Duration::from_millis(950));
        assert_eq!(remaining(Duration::from_secs(10)), Duration::from_secs(10));
    }

    #[tokio::test]
    async fn only_a_sampled_trace_is_kept() {
        assert_eq!(kept_trace(), None);
        let sampled = TraceContext::parse(SAMPLED);
        assert_eq!(within(sampled, async { kept_trace() }).await.as_deref(), Some(SAMPLED));
        let unsampled = Some(TraceContext::unsampled());
        assert_eq!(within(unsampled, async { kept_trace() }).await, None);
    }
}
