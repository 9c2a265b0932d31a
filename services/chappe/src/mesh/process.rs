//! What every form of the process does alike: probing its own health, waiting for a signal and ending.

use std::{process::ExitCode, time::Duration};

use chappe_kit::{Lifecycle, health::Health, lifecycle::TaskKind};
#[cfg(unix)]
use tokio::signal::unix;

/// How often readiness is probed.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long open work may take to end; Kubernetes waits a little longer.
const PATIENCE: Duration = Duration::from_secs(25);

/// Probes readiness from now on.
pub(super) fn probe(lifecycle: &Lifecycle, health: Health) {
    let stopping = lifecycle.clone();
    lifecycle.spawn(TaskKind::Essential, "health", async move {
        loop {
            health.probe().await;
            if !stopping.pause(PROBE_INTERVAL).await {
                break;
            }
        }
    });
}

/// SIGINT and SIGTERM, from when this is made: before, they end the process at once, and none may get lost between.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: unix::Signal,
    #[cfg(unix)]
    terminate: unix::Signal,
}

impl Signals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            interrupt: unix::signal(unix::SignalKind::interrupt())?,
            #[cfg(unix)]
            terminate: unix::signal(unix::SignalKind::terminate())?,
        })
    }

    /// Waits for a signal or the failure of an essential task.
    pub(crate) async fn asked_to_stop(&mut self, lifecycle: &Lifecycle) {
        #[cfg(unix)]
        let signal = async {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
        };
        #[cfg(not(unix))]
        let signal = async { drop(tokio::signal::ctrl_c().await) };
        tokio::select! {
            () = signal => {}
            () = lifecycle.stopping() => {}
        }
    }
}

/// Lets others learn that this process is about to end, while it serves whoever has not learnt it yet. A further signal
/// is a wish for haste.
pub(super) async fn drain(lifecycle: &Lifecycle, health: &Health, delay: Duration, signals: &mut Signals) {
    health.drain().await;
    lifecycle.drain();
    tokio::select! {
        _ = lifecycle.pause(delay) => {}
        () = signals.asked_to_stop(lifecycle) => {}
    }
}

/// Ends in order: first nobody is sent here any more, then the listeners close, then open work ends.
pub(super) async fn stop(lifecycle: &Lifecycle, health: &Health) -> ExitCode {
    let failed = lifecycle.has_failed();
    health.drain().await;
    lifecycle.stop();
    if !lifecycle.drained(PATIENCE).await {
        tracing::warn!("some work did not end within {} s and was cut off", PATIENCE.as_secs());
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use chappe_kit::health::Builder;
    use tokio::time::Instant;

    use super::*;

    const DELAY: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn a_process_is_unready_for_a_while_before_it_closes() {
        let (health, _server) = Builder::default().build().await;
        let lifecycle = Lifecycle::new();
        health.started().await;
        assert!(health.report().is_ready);
        let mut signals = Signals::listen().unwrap();
        let began = Instant::now();
        let mut draining = Box::pin(drain(&lifecycle, &health, DELAY, &mut signals));
        assert!(futures_util::poll!(&mut draining).is_pending());
        assert!(!health.report().is_ready);
        assert!(lifecycle.is_draining() && !lifecycle.is_stopping());
        draining.await;
        assert_eq!(began.elapsed(), DELAY);
        assert_eq!(stop(&lifecycle, &health).await, ExitCode::SUCCESS);
        assert!(lifecycle.is_stopping());
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_has_failed_does_not_wait() {
        let (health, _server) = Builder::default().build().await;
        let lifecycle = Lifecycle::new();
        lifecycle.stop();
        let began = Instant::now();
        drain(&lifecycle, &health, DELAY, &mut Signals::listen().unwrap()).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
