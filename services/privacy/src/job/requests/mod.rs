//! Requests are worked on until they are done, whatever happens in between.
//!
//! A worker claims a request and takes it through block, find, erase and verify, or find and review. Every step may be
//! repeated, and what it came to is written down under the claim, so whoever takes over goes on from there.

mod block;
mod erase;
mod find;
mod finish;
mod review;

use std::sync::Arc;

use chappe_ids::{ClaimId, ProfileId};
use chappe_kit::{BestEffort as _, Error, ErrorKind};
use chappe_proto::privacy::Subject;
use chappe_store::lease;
use futures_util::{StreamExt as _, stream};
use sea_orm::DbBackend;

use super::Idle;
use crate::{
    app::App,
    domain::{
        backoff,
        request::{Kind, Request, USER_NOT_FOUND},
        target::Target,
    },
    store::{self, request::Held},
    telemetry,
};

/// The topic of hints that there is a request.
pub(crate) const TOPIC: &str = "privacy.requests";
/// Requests worked on at a time by one replica.
const AT_A_TIME: usize = 8;

/// Works on requests until the shutdown.
pub(crate) async fn run(app: Arc<App>) {
    if app.db.backend() == DbBackend::Sqlite {
        // One process per file, held by a lock: whoever made these claims is gone.
        let released = app.db.write(async |txn| store::request::release_all(txn).await).await;
        released.best_effort("release the claims of the previous process");
    }
    let mut idle = Idle::on(&app, TOPIC);
    while !app.runtime.lifecycle.is_stopping() {
        let worked = match work_due(&app).await {
            Ok(claimed) => claimed > 0,
            Err(error) => {
                error.log("looking for privacy requests");
                false
            }
        };
        idle.rest(&app, worked).await;
    }
}

/// Claims what is due and attends to it, once. Tells how many requests that was.
pub(crate) async fn work_due(app: &App) -> Result<usize, Error> {
    let claim = ClaimId::from_uuid(app.runtime.ids.uuid());
    let now = app.runtime.clock.now();
    let claimed = app
        .db
        .write(async |txn| store::request::claim(txn, claim, now, AT_A_TIME).await)
        .await?;
    let count = claimed.len();
    stream::iter(claimed)
        .for_each_concurrent(AT_A_TIME, |held| attend(app, held))
        .await;
    Ok(count)
}

async fn attend(app: &App, held: Held) {
    let Err(error) = work(app, held).await else { return };
    if error.reason() == lease::LOST {
        tracing::debug!(request.id = %held.request, "the request is somebody else's work now");
        return;
    }
    error.log("working on a privacy request");
    let put_off = app
        .db
        .write(async |txn| {
            let request = store::request::get(txn, held.project, held.request).await?;
            let attempts = request.map_or(0, |request| request.attempts) + 1;
            let until = app.runtime.clock.now() + backoff::after(attempts);
            store::request::postpone(txn, held, attempts, until).await
        })
        .await;
    telemetry::request_postponed();
    put_off.best_effort("put a privacy request off");
}

/// One request at work.
struct Work {
    held: Held,
    request: Request,
    target: Target,
}

impl Work {
    /// Says that the request is still at work. `LEASE_LOST` when it is not ours any more.
    async fn renew(&self, app: &App) -> Result<(), Error> {
        app.db
            .write(async |txn| store::request::hold(txn, self.held).await)
            .await
    }

    fn subject(&self, profiles: &[ProfileId]) -> Subject {
        Subject {
            identifier: self.target.identifier(),
            profile_ids: profiles.iter().map(ToString::to_string).collect(),
        }
    }
}

async fn work(app: &App, held: Held) -> Result<(), Error> {
    let lost = || Error::new(ErrorKind::Aborted, lease::LOST, "the request is done");
    let request = store::request::get(app.db.read(), held.project, held.request).await?;
    let request = request.ok_or_else(lost)?;
    let target = request.target.clone().ok_or_else(lost)?;
    let work = Work { held, request, target };

    if work.request.kind == Kind::Remove {
        block::in_identity(app, &work).await?;
    }
    let profiles = find::profiles(app, &work).await?;
    if profiles.is_empty() && !work.target.may_be_held_without_profile() {
        return finish::done(app, &work, USER_NOT_FOUND).await;
    }
    let subject = work.subject(&profiles);
    match work.request.kind {
        Kind::Remove => {
            block::everywhere(app, &work, &subject).await?;
            erase::everywhere(app, &work, &subject).await?;
            finish::removed(app, &work, !profiles.is_empty()).await
        }
        Kind::Review => review::run(app, &work, &subject).await,
    }
}
