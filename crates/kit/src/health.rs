//! Whether the process lives, has started, and wants traffic.
//!
//! Three questions, asked over HTTP and over gRPC: *live* is the event loop alone, *startup* is the
//! schema, *ready* is the store and not draining. Redis is an accelerator and never makes a pod unready.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use tonic_health::{ServingStatus, server::HealthReporter};

use crate::Error;

type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync>;

/// Failures in a row before a ready process calls itself unready.
const FAILURES_TO_TURN: u32 = 3;
/// Successes in a row before it calls itself ready again.
const SUCCESSES_TO_RETURN: u32 = 2;

/// The health of one process.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
    names: Arc<Vec<String>>,
    checks: Arc<Vec<(&'static str, Check)>>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    ready: bool,
    draining: bool,
    failures: u32,
    successes: u32,
    why: String,
}

/// Collects what readiness depends on.
#[derive(Default)]
pub struct Builder {
    names: Vec<String>,
    checks: Vec<(&'static str, Check)>,
}

impl Builder {
    /// Adds a gRPC service whose health follows readiness.
    #[must_use]
    pub fn service(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// Adds a check that must hold for the process to be ready.
    #[must_use]
    pub fn check<F, Fut>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.checks.push((name, Arc::new(move || Box::pin(check()))));
        self
    }

    /// Registers every name before anything listens. The empty name follows readiness like the rest:
    /// tonic-health would leave it serving during a drain.
    pub async fn build(
        self,
    ) -> (
        Health,
        tonic_health::pb::health_server::HealthServer<impl tonic_health::pb::health_server::Health>,
    ) {
        let (reporter, server) = tonic_health::server::health_reporter();
        reporter.set_service_status("live", ServingStatus::Serving).await;
        reporter.set_service_status("startup", ServingStatus::Serving).await;
        let mut names = self.names;
        names.extend(["ready".to_owned(), String::new()]);
        let health = Health {
            reporter,
            names: Arc::new(names),
            checks: Arc::new(self.checks),
            state: Arc::default(),
        };
        health.report(false).await;
        (health, server)
    }
}

impl Health {
    /// Runs every check once and turns readiness with hysteresis. The first success counts at once.
    pub async fn probe(&self) {
        let mut failure = None;
        for (name, check) in self.checks.iter() {
            if let Err(error) = check().await {
                failure = Some(format!("{name}: {error}"));
                break;
            }
        }
        let turned = self.lock().turn(failure);
        if let Some(ready) = turned {
            self.report(ready).await;
        }
    }

    /// Turns readiness off for good, before the listeners close.
    pub async fn drain(&self) {
        {
            let mut state = self.lock();
            state.draining = true;
            state.ready = false;
            "draining".clone_into(&mut state.why);
        }
        self.report(false).await;
    }

    /// Ready, or why not.
    pub fn readiness(&self) -> Result<(), String> {
        let state = self.lock();
        if state.ready { Ok(()) } else { Err(state.why.clone()) }
    }

    async fn report(&self, ready: bool) {
        let status = if ready {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for name in self.names.iter() {
            self.reporter.set_service_status(name.as_str(), status).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    /// The new readiness, if it turned.
    fn turn(&mut self, failure: Option<String>) -> Option<bool> {
        if self.draining {
            return None;
        }
        let first = self.failures == 0 && self.successes == 0;
        match failure {
            None => {
                self.failures = 0;
                self.successes = self.successes.saturating_add(1);
                let turned = !self.ready && (first || self.successes >= SUCCESSES_TO_RETURN);
                turned.then(|| {
                    self.ready = true;
                    true
                })
            }
            Some(why) => {
                self.successes = 0;
                self.failures = self.failures.saturating_add(1);
                self.why = why;
                let turned = self.ready && self.failures >= FAILURES_TO_TURN;
                turned.then(|| {
                    self.ready = false;
                    false
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_turns_with_hysteresis() {
        let mut state = State::default();
        assert_eq!(state.turn(None), Some(true));
        assert_eq!(state.turn(Some("down".to_owned())), None);
        assert_eq!(state.turn(Some("down".to_owned())), None);
        assert_eq!(state.turn(Some("down".to_owned())), Some(false));
        assert_eq!(state.turn(None), None);
        assert_eq!(state.turn(None), Some(true));
    }

    #[tokio::test]
    async fn a_drain_is_for_good() {
        let (health, _server) = Builder::default().build().await;
        health.probe().await;
        assert!(health.readiness().is_ok());
        health.drain().await;
        health.probe().await;
        assert_eq!(health.readiness(), Err("draining".to_owned()));
    }
}
