//! The plaintext admin listener: probes and metrics. It answers also while the process drains.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::{Lifecycle, health::Health};

#[derive(Clone)]
struct Admin {
    health: Health,
    metrics: PrometheusHandle,
}

/// Serves until the process ends: liveness must answer to the last.
pub async fn serve(listener: TcpListener, health: Health, metrics: PrometheusHandle, lifecycle: Lifecycle) {
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/startupz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route(
            "/metrics",
            get(|State(admin): State<Admin>| async move { admin.metrics.render() }),
        )
        .with_state(Admin { health, metrics });
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(async move { lifecycle.stopping().await })
        .await;
    if let Err(error) = served {
        tracing::warn!("the admin listener failed: {error}");
    }
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    let report = admin.health.report();
    let status = if report.is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, report.to_string())
}
