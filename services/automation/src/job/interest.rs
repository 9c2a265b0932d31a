//! Tells profile-store which event names matter. Names are added before a definition is written and withdrawn
//! when the last entry that needs them has ended.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

use chappe_ids::ProjectId;
use chappe_kit::{Error, grpc::call};
use chappe_proto::profile as pb;
use chappe_store::lease;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::Turn;
use crate::{
    app::App,
    domain::{definition::RunState, interest},
    store::{definitions, interests},
};

/// How often interest is looked at for narrowing.
const PAUSE: Duration = Duration::from_secs(5);

/// How long one process may change the interest of a project before another may.
const LEASE: Duration = Duration::from_secs(30);

/// How often and how long apart a change waits for another one to be done.
const ATTEMPTS: u32 = 50;
const APART: Duration = Duration::from_millis(100);

/// The right to change the interest of a project: of two that tell a set each, one would undo the other.
pub(crate) struct Claim {
    name: String,
    owner: Uuid,
    epoch: i64,
}

/// Waits for the right to change the interest of a project.
pub(crate) async fn claim(app: &App, project: ProjectId) -> Result<Claim, Error> {
    let name = format!("interest:{project}");
    let owner = app.runtime.ids.uuid();
    for _ in 0..ATTEMPTS {
        let lease = app
            .db
            .write(async |txn| lease::acquire(txn, &name, owner, LEASE).await)
            .await?;
        if let Some(lease) = lease {
            let epoch = lease.epoch;
            return Ok(Claim { name, owner, epoch });
        }
        if !app.runtime.lifecycle.pause(APART).await {
            break;
        }
    }
    Err(Error::unavailable(
        "another change of the project's automations is under way",
    ))
}

/// Gives the right back.
pub(crate) async fn release(app: &App, claim: Claim) {
    let released = app
        .db
        .write(async |txn| lease::release(txn, &claim.name, claim.owner, claim.epoch).await)
        .await;
    if let Err(error) = released {
        error.log("giving the interest of a project back");
    }
}

/// Keeps the claim from being anybody else's when `txn` commits.
pub(crate) async fn fence(txn: &sea_orm::DatabaseTransaction, claim: &Claim) -> Result<(), Error> {
    lease::fence(txn, &claim.name, claim.owner, claim.epoch).await
}

/// The event names that the project's automations and live entries need now.
pub(crate) async fn needed(
    app: &App,
    conn: &impl ConnectionTrait,
    project: ProjectId,
) -> Result<BTreeSet<String>, Error> {
    let current = definitions::current(conn, &[project]).await?;
    let running = current
        .iter()
        .filter(|automation| automation.state == RunState::Running);
    let running = running.map(|automation| (project, automation.id, automation.version));
    let in_use = definitions::versions_in_use(conn, project).await?;
    let known = app.definitions(conn, running.chain(in_use)).await?;
    Ok(interest::names(known.values().map(|definition| &**definition)))
}

/// Makes these the names that are written to the feed.
pub(crate) async fn tell(app: &App, project: ProjectId, names: &BTreeSet<String>) -> Result<(), Error> {
    let request = pb::SetInterestRequest {
        event_names: names.iter().cloned().collect(),
    };
    let told = app.profiles().set_interest(call(project, request)).await;
    // Whatever it was, the same call may succeed later: the caller is to try again.
    told.map(drop).map_err(Error::unavailable)
}

/// Withdraws names that nothing needs any more. The first turn of a process tells every project's names, so that
/// a change that was told and never written does not stay.
pub(super) async fn turn(app: &App) -> Result<Turn, Error> {
    let tells_all = !app.has_told.load(Ordering::SeqCst);
    let mut work = 0;
    for (project, told) in interests::all(app.db.read()).await? {
        if tells_all || needed(app, app.db.read(), project).await? != told {
            let claim = claim(app, project).await?;
            let settled = settle(app, project, &claim).await;
            release(app, claim).await;
            settled?;
            work += 1;
        }
    }
    app.has_told.store(true, Ordering::SeqCst);
    Ok(Turn { work, pause: PAUSE })
}

async fn settle(app: &App, project: ProjectId, claim: &Claim) -> Result<(), Error> {
    let names = needed(app, app.db.read(), project).await?;
    tell(app, project, &names).await?;
    app.db
        .write(async |txn| {
            fence(txn, claim).await?;
            interests::put(txn, project, &names).await
        })
        .await
}
