//! A request ends: with its audit entry, and without the name of whom it was about.

use std::time::Duration;

use chappe_kit::{Error, Timestamp};
use sea_orm::DatabaseTransaction;
use serde_json::json;

use super::Work;
use crate::{
    NAME,
    app::App,
    domain::{
        audit::Event,
        request::{Kind, Report, USER_NOT_FOUND},
    },
    store, telemetry,
};

/// How long an archive can be read.
const ARCHIVE_KEPT_FOR: Duration = Duration::from_hours(24 * 30);

/// Ends a request that has nothing to show.
pub(super) async fn done(app: &App, work: &Work, error: &str) -> Result<(), Error> {
    let now = app.runtime.clock.now();
    app.db.write(async |txn| end(app, txn, work, error, now).await).await?;
    telemetry::request_done(work.request.kind.name());
    Ok(())
}

/// Ends a removal that every service has confirmed. What privacy itself holds about the person goes with it.
pub(super) async fn removed(app: &App, work: &Work, had_profile: bool) -> Result<(), Error> {
    let held = work.held;
    let reports = store::participant::of_request(app.db.read(), held.project, held.request).await?;
    let found = had_profile || reports.iter().any(Report::found_something);
    let error = if found { "" } else { USER_NOT_FOUND };
    let now = app.runtime.clock.now();
    app.db
        .write(async |txn| {
            store::request::hold(txn, held).await?;
            let archives = store::subject::forget_reviews(txn, held, now).await?;
            store::participant::ensure(txn, held, &[NAME]).await?;
            store::participant::save(txn, held, &own_report(archives)).await?;
            store::participant::verified(txn, held).await?;
            end(app, txn, work, error, now).await
        })
        .await?;
    telemetry::request_done(Kind::Remove.name());
    Ok(())
}

/// Ends a review with its archive.
pub(super) async fn reviewed(app: &App, work: &Work, name_hash: &[u8], archive: &[u8]) -> Result<(), Error> {
    let now = app.runtime.clock.now();
    app.db
        .write(async |txn| {
            store::request::hold(txn, work.held).await?;
            store::archive::insert(txn, work.held, name_hash, archive, now + ARCHIVE_KEPT_FOR).await?;
            end(app, txn, work, "", now).await
        })
        .await?;
    telemetry::request_done(Kind::Review.name());
    Ok(())
}

async fn end(app: &App, txn: &DatabaseTransaction, work: &Work, error: &str, now: Timestamp) -> Result<(), Error> {
    store::request::finish(txn, work.held, work.request.kind, error, now).await?;
    let record = store::audit::Record {
        at: now,
        event: Event::RequestDone,
        subject: work.held.request.as_uuid(),
        target_hash: &work.request.target_hash,
        detail: json!({ "type": work.request.kind.name(), "error": error }),
    };
    store::audit::append(txn, &app.keys.audit, work.held.project, record).await
}

fn own_report(archives: u64) -> Report {
    let mut report = Report {
        service: NAME.to_owned(),
        blocked: true,
        erased: true,
        verified: true,
        deleted: serde_json::Map::new(),
        retained: Vec::new(),
    };
    let archives = i64::try_from(archives).unwrap_or(i64::MAX);
    let retained = "a keyed hash of the identifier, in this request and in the audit trail".to_owned();
    report.add([("archives".to_owned(), archives)], vec![retained]);
    report
}
