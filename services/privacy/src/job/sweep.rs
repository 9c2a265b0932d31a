//! What has been kept long enough goes, and the audit trail is checked.

use std::{sync::Arc, time::Duration};

use chappe_kit::{Error, ErrorKind};

use crate::{app::App, store, telemetry};

/// How often.
const EVERY: Duration = Duration::from_hours(1);
/// Rows of one transaction.
const BATCH: i64 = 100;
/// How long the words by which a client named a person are kept: as long as the request is listed.
const NAMED_FOR: Duration = Duration::from_hours(24 * 30);

/// Sweeps until the shutdown.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        if let Err(error) = sweep(&app).await {
            error.log("sweeping the store of privacy");
        }
        if !app.runtime.lifecycle.pause(EVERY).await {
            return;
        }
    }
}

/// Sweeps once.
pub(crate) async fn sweep(app: &App) -> Result<(), Error> {
    let now = app.runtime.clock.now();
    loop {
        let expired = store::archive::expired(app.db.read(), now, BATCH).await?;
        for (project, request) in &expired {
            app.db
                .write(async |txn| {
                    store::archive::delete(txn, *project, &[*request]).await?;
                    store::subject::delete(txn, *project, &[*request]).await
                })
                .await?;
        }
        if expired.is_empty() {
            break;
        }
    }
    let forget = async || {
        app.db
            .write(async |txn| store::request::forget_before(txn, now - NAMED_FOR, BATCH).await)
            .await
    };
    while forget().await? > 0 {}
    check_audit(app).await
}

async fn check_audit(app: &App) -> Result<(), Error> {
    for project in store::audit::projects(app.db.read()).await? {
        match store::audit::verify(app.db.read(), &app.keys.audit, project).await {
            Err(broken) if broken.kind() == ErrorKind::FailedPrecondition => {
                telemetry::audit_broken();
                tracing::error!(project.id = %project, "{broken}");
            }
            checked => drop(checked?),
        }
    }
    Ok(())
}
