//! Whether the process lives, has started, and wants traffic.
//!
//! Three questions, asked over HTTP and over gRPC: *live* is the event loop alone, *startup* is that the process
//! runs, *ready* is what its probes find and not draining. What they find is kept with its remedy, for whoever asks
//! why, and is logged when it changes: once when something goes wrong and once when it is well again.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use futures_util::future::join_all;
use tokio::sync::watch;
use tonic_health::{ServingStatus, server::HealthReporter};

type Probe = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Vec<Finding>> + Send>> + Send + Sync>;

/// Failures in a row before a ready process calls itself unready.
const FAILURES_TO_TURN: u32 = 3;
/// Successes in a row before it calls itself ready again.
const SUCCESSES_TO_RETURN: u32 = 2;

/// What is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    weight: Weight,
    reason: String,
    remedy: String,
}

/// What a fault means for readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// Shown, no more.
    Degraded,
    /// The process is not ready.
    Failed,
}

impl Fault {
    /// Something without which the process cannot do its work.
    pub fn failed(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Weight::Failed, reason.into(), remedy.into())
    }

    /// Something that a person should know, and that sending the traffic elsewhere would not mend.
    pub fn degraded(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Weight::Degraded, reason.into(), remedy.into())
    }

    const fn new(weight: Weight, reason: String, remedy: String) -> Self {
        Self { weight, reason, remedy }
    }

    /// Whether the process is not ready for it.
    pub fn is_failure(&self) -> bool {
        self.weight == Weight::Failed
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.reason, self.remedy)
    }
}

/// What a probe found out about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The thing, such as `database identity`.
    pub name: String,
    /// Well, or what is wrong.
    pub outcome: Result<(), Fault>,
}

impl Finding {
    /// All is well with it.
    pub fn well(name: impl Into<String>) -> Self {
        Self::new(name, Ok(()))
    }

    /// As the outcome says.
    pub fn new(name: impl Into<String>, outcome: Result<(), Fault>) -> Self {
        Self {
            name: name.into(),
            outcome,
        }
    }
}

/// The health of one process. Clones share it.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
    names: Arc<Vec<String>>,
    probes: Arc<Vec<Probe>>,
    state: Arc<Mutex<State>>,
    ready: Arc<watch::Sender<bool>>,
}

/// Ready or not, and what the probes found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Whether the process wants traffic.
    pub is_ready: bool,
    started: bool,
    draining: bool,
    findings: BTreeMap<String, Option<Fault>>,
}

#[derive(Debug, Default)]
struct State {
    report: Report,
    was_ready: bool,
    failures: u32,
    successes: u32,
}

/// Collects what readiness depends on.
#[derive(Default)]
pub struct Builder {
    names: Vec<String>,
    probes: Vec<Probe>,
}

impl Builder {
    /// Adds a gRPC service whose health follows readiness.
    #[must_use]
    pub fn service(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// Adds something to look at. A probe takes care itself that it comes to an end; what it does not mention is as it
    /// was.
    #[must_use]
    pub fn probe<F, Fut>(mut self, probe: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<Finding>> + Send + 'static,
    {
        self.probes.push(Arc::new(move || Box::pin(probe())));
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
            probes: Arc::new(self.probes),
            state: Arc::default(),
            ready: Arc::new(watch::Sender::new(false)),
        };
        health.announce(false).await;
        (health, server)
    }
}

impl Health {
    /// Looks at everything once and turns readiness with hysteresis. The first success after the start counts at once.
    pub async fn probe(&self) {
        let found = join_all(self.probes.iter().map(|probe| probe())).await;
        let turned = self.lock().turn(found.into_iter().flatten());
        if let Some(ready) = turned {
            self.announce(ready).await;
        }
    }

    /// From now on the process can do its work: it is ready as soon as the probes say so.
    pub async fn started(&self) {
        self.lock().report.started = true;
        self.probe().await;
    }

    /// Waits until the process is ready.
    pub async fn ready(&self) {
        let mut ready = self.ready.subscribe();
        // The sender is in `self`, so the wait cannot fail.
        drop(ready.wait_for(|ready| *ready).await);
    }

    /// Turns readiness off for good, before the listeners close.
    pub async fn drain(&self) {
        {
            let mut state = self.lock();
            state.report.draining = true;
            state.report.is_ready = false;
        }
        self.announce(false).await;
    }

    /// What there is to say at the moment.
    pub fn report(&self) -> Report {
        self.lock().report.clone()
    }

    async fn announce(&self, ready: bool) {
        self.ready.send_replace(ready);
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
    /// Keeps and tells what was found. The new readiness, if it turned.
    fn turn(&mut self, found: impl Iterator<Item = Finding>) -> Option<bool> {
        for Finding { name, outcome } in found {
            let fault = outcome.err();
            let before = self.report.findings.get(&name).and_then(Option::as_ref);
            tell(&name, before, fault.as_ref());
            self.report.findings.insert(name, fault);
        }
        if self.report.draining || !self.report.started {
            return None;
        }
        let turned = if self.report.has_failures() {
            self.successes = 0;
            self.failures = self.failures.saturating_add(1);
            (self.report.is_ready && self.failures >= FAILURES_TO_TURN).then_some(false)
        } else {
            self.failures = 0;
            self.successes = self.successes.saturating_add(1);
            let lasts = !self.was_ready || self.successes >= SUCCESSES_TO_RETURN;
            (!self.report.is_ready && lasts).then_some(true)
        };
        if let Some(ready) = turned {
            self.report.is_ready = ready;
            self.was_ready = true;
        }
        turned
    }
}

/// Logs what changed, and nothing else.
fn tell(name: &str, before: Option<&Fault>, now: Option<&Fault>) {
    match (before, now) {
        (before, Some(fault)) if before != Some(fault) => tracing::warn!("{name}: {fault}"),
        (Some(_), None) => tracing::info!("{name}: well again"),
        _ => {}
    }
}

impl Report {
    fn has_failures(&self) -> bool {
        self.findings.values().flatten().any(Fault::is_failure)
    }

    fn summary(&self) -> &'static str {
        match self {
            Self { draining: true, .. } => "not ready: draining",
            Self { is_ready: true, .. } if self.findings.values().any(Option::is_some) => "ready, but not all is well",
            Self { is_ready: true, .. } => "ready",
            _ if self.has_failures() => "not ready",
            Self { started: false, .. } => "not ready: starting",
            _ => "not ready: well again, waiting whether it lasts",
        }
    }
}

/// A line that says whether, and one for each thing that was looked at.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary())?;
        for (name, fault) in &self.findings {
            match fault {
                None => writeln!(f, "{name}: ok")?,
                Some(fault) if fault.is_failure() => writeln!(f, "{name}: failed: {fault}")?,
                Some(fault) => writeln!(f, "{name}: degraded: {fault}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> State {
        State {
            report: Report {
                started: true,
                ..Report::default()
            },
            ..State::default()
        }
    }

    fn store(outcome: Result<(), Fault>) -> impl Iterator<Item = Finding> {
        std::iter::once(Finding::new("store", outcome))
    }

    fn down() -> Result<(), Fault> {
        Err(Fault::failed("it is down", "start it"))
    }

    #[test]
    fn readiness_turns_with_hysteresis() {
        let mut state = started();
        assert_eq!(state.turn(store(Ok(()))), Some(true));
        assert_eq!(state.turn(store(down())), None);
        assert_eq!(state.turn(store(down())), None);
        assert_eq!(state.turn(store(down())), Some(false));
        assert_eq!(state.turn(store(Ok(()))), None);
        assert_eq!(
            state.report.summary(),
            "not ready: well again, waiting whether it lasts"
        );
        assert_eq!(state.turn(store(Ok(()))), Some(true));
    }

    #[test]
    fn what_was_wrong_at_the_start_need_not_be_well_for_long() {
        let mut state = started();
        assert_eq!(state.turn(store(down())), None);
        assert_eq!(state.turn(store(Ok(()))), Some(true));
    }

    #[test]
    fn before_it_has_started_nothing_is_ready() {
        let mut state = State::default();
        assert_eq!(state.turn(store(Ok(()))), None);
        assert_eq!(state.report.to_string(), "not ready: starting\nstore: ok\n");
    }

    #[test]
    fn what_is_degraded_is_shown_and_ready() {
        let mut state = started();
        let slow = Err(Fault::degraded("it is slow", "wait"));
        assert_eq!(state.turn(store(slow)), Some(true));
        assert_eq!(
            state.report.to_string(),
            "ready, but not all is well\nstore: degraded: it is slow; wait\n"
        );
    }

    #[test]
    fn a_failure_is_shown_with_its_remedy() {
        let mut state = started();
        state.turn(store(down()).chain([Finding::well("clock")]));
        assert_eq!(
            state.report.to_string(),
            "not ready\nclock: ok\nstore: failed: it is down; start it\n"
        );
    }

    #[tokio::test]
    async fn a_drain_is_for_good() {
        let (health, _server) = Builder::default().build().await;
        health.started().await;
        health.ready().await;
        health.drain().await;
        health.probe().await;
        assert_eq!(health.report().to_string(), "not ready: draining\n");
        assert!(!health.report().is_ready);
    }
}
