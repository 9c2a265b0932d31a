//! What every form of the process does alike: probing its own health, waiting for a signal, and ending.

use std::{process::ExitCode, time::Duration};

use chappe_kit::{Lifecycle, health::Health, lifecycle::TaskKind};

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

/// Waits for SIGINT, SIGTERM or the failure of an essential task.
pub(super) async fn asked_to_stop(lifecycle: &Lifecycle) {
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
        () = lifecycle.stopping() => {}
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
