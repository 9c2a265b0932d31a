use std::fmt::Display;

/// Spells out that a failure here changes nothing that matters: it is logged, counted and forgotten.
pub trait BestEffort<T> {
    /// The value, or `None` after logging what could not be done.
    fn best_effort(self, doing: &'static str) -> Option<T>;
}

impl<T, E: Display> BestEffort<T> for Result<T, E> {
    fn best_effort(self, doing: &'static str) -> Option<T> {
        self.inspect_err(|error| {
            metrics::counter!("chappe_best_effort_failures_total", "doing" => doing).increment(1);
            tracing::warn!("could not {doing}: {error}");
        })
        .ok()
    }
}
