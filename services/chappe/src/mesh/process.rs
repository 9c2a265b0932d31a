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
