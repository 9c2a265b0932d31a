//! Who drives which lane. A lease has an owner and an epoch, which rises whenever the lane is taken; time, which is
//! the database's, only decides who may try, and the fence keeps out what a former owner still wants to write.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chappe_ids::LANES;
use chappe_kit::{Error, ErrorKind};
use chappe_store::{RowExt as _, Rows, Sql, lease};
use sea_orm::{DatabaseTransaction, QueryResult};
use uuid::Uuid;

use super::NO_PROJECT;

/// How long a lane stays with a worker that says nothing.
pub(crate) const LEASE: Duration = Duration::from_secs(10);

/// The reason of a batch that lost its lanes.
pub(crate) const LOST: &str = "LANES_LOST";

/// Lanes and the epochs they are held under.
pub(crate) type Held = BTreeMap<u8, i64>;

/// Makes sure that there is a row for each lane. A free lane has owner zero.
pub(crate) async fn seed(txn: &DatabaseTransaction) -> Result<(), Error> {
    Sql::new(
        "insert into lanes (project_id, lane, owner, epoch, until)
         select {project}, r.lane, {nobody}, 0, 0 from {rows} as r where true
         on conflict (project_id, lane) do nothing",
    )
    .bind("project", NO_PROJECT)
    .bind("nobody", Uuid::nil())
    .rows("rows", Rows::new(LANES.into()).ints("lane", 0..LANES))
    .execute(txn)
    .await
    .map(drop)
}

/// Notes that a worker lives, forgets those that do not, and counts.
pub(crate) async fn heartbeat(txn: &DatabaseTransaction, worker: Uuid) -> Result<usize, Error> {
    Sql::new(
        "insert into workers (project_id, worker_id, seen_at) values ({project}, {worker}, {db_now})
         on conflict (project_id, worker_id) do update set seen_at = excluded.seen_at",
    )
    .bind("project", NO_PROJECT)
    .bind("worker", worker)
    .execute(txn)
    .await?;
    Sql::new("delete from workers where project_id = {project} and seen_at <= {db_now} - {lease}")
        .bind("project", NO_PROJECT)
        .bind("lease", lease::micros(LEASE))
        .execute(txn)
        .await?;
    let workers = Sql::new("select worker_id from workers where project_id = {project}")
        .bind("project", NO_PROJECT)
        .all(txn)
        .await?;
    Ok(workers.len())
}

/// Forgets a worker and frees its lanes.
pub(crate) async fn leave(txn: &DatabaseTransaction, worker: Uuid) -> Result<(), Error> {
    Sql::new("delete from workers where project_id = {project} and worker_id = {worker}")
        .bind("project", NO_PROJECT)
        .bind("worker", worker)
        .execute(txn)
        .await?;
    Sql::new("update lanes set until = 0, owner = {nobody} where project_id = {project} and owner = {worker}")
        .bind("project", NO_PROJECT)
        .bind("nobody", Uuid::nil())
        .bind("worker", worker)
        .execute(txn)
        .await
        .map(drop)
}

/// Forgets every other worker and frees what it held: they are known to be dead.
pub(crate) async fn evict_others(txn: &DatabaseTransaction, worker: Uuid) -> Result<(), Error> {
    Sql::new("delete from workers where project_id = {project} and worker_id <> {worker}")
        .bind("project", NO_PROJECT)
        .bind("worker", worker)
        .execute(txn)
        .await?;
    for freed in [
        "update lanes set until = 0 where project_id = {project} and owner <> {worker}",
        "update leases set until = 0 where project_id = {project} and owner <> {worker} and name like 'interest:%'",
    ] {
        Sql::new(freed)
            .bind("project", NO_PROJECT)
            .bind("worker", worker)
            .execute(txn)
            .await?;
    }
    Ok(())
}

/// Extends what the worker holds, also what has run out and nobody took.
pub(crate) async fn renew(txn: &DatabaseTransaction, worker: Uuid) -> Result<Held, Error> {
    let rows = Sql::new(
        "update lanes set until = {db_now} + {lease} where project_id = {project} and owner = {worker} returning lane, epoch",
    )
    .bind("project", NO_PROJECT)
    .bind("lease", lease::micros(LEASE))
    .bind("worker", worker)
    .all(txn)
    .await?;
    held(&rows)
}

/// Takes at most `most` lanes that nobody holds.
pub(crate) async fn take(txn: &DatabaseTransaction, worker: Uuid, most: usize) -> Result<Held, Error> {
    let rows = Sql::new(
        "update lanes set owner = {worker}, epoch = epoch + 1, until = {db_now} + {lease}
         where project_id = {project} and until <= {db_now} and owner <> {worker} and lane in (
           select lane from lanes where project_id = {project} and until <= {db_now} and owner <> {worker}
           order by lane limit {most})
         returning lane, epoch",
    )
    .bind("project", NO_PROJECT)
    .bind("worker", worker)
    .bind("lease", lease::micros(LEASE))
    .bind("most", i64::try_from(most).unwrap_or(i64::MAX))
    .all(txn)
    .await?;
    held(&rows)
}

/// How long until the first lane of another worker is free, unless that one goes on.
pub(crate) async fn next_free(txn: &DatabaseTransaction, worker: Uuid) -> Result<Option<Duration>, Error> {
    let row = Sql::new(
        "select min(until) - {db_now} as left_over from lanes
         where project_id = {project} and owner <> {worker} and until > {db_now}",
    )
    .bind("project", NO_PROJECT)
    .bind("worker", worker)
    .one(txn)
    .await?;
    let micros = row.map_or(Ok(None), |row| row.get::<Option<i64>>("left_over"))?;
    Ok(micros
        .and_then(|micros| u64::try_from(micros).ok())
        .map(Duration::from_micros))
}

/// Gives lanes back.
pub(crate) async fn release(txn: &DatabaseTransaction, worker: Uuid, lanes: &BTreeSet<u8>) -> Result<(), Error> {
    Sql::new(
        "update lanes set until = 0, owner = {nobody}
         where project_id = {project} and owner = {worker} and lane in (select r.lane from {rows} as r)",
    )
    .bind("project", NO_PROJECT)
    .bind("nobody", Uuid::nil())
    .bind("worker", worker)
    .rows("rows", of_lanes(lanes.iter().copied()))
    .execute(txn)
    .await
    .map(drop)
}

/// Lets `txn` go on only while the worker holds all of the lanes under these epochs, and keeps others from
/// taking them before the commit.
pub(crate) async fn fence(txn: &DatabaseTransaction, worker: Uuid, lanes: &Held) -> Result<(), Error> {
    let rows = Rows::new(lanes.len())
        .ints("lane", lanes.keys().copied())
        .ints("epoch", lanes.values().copied());
    let touched = Sql::new(
        "update lanes set epoch = epoch where project_id = {project} and owner = {worker}
         and (lane, epoch) in (select r.lane, r.epoch from {rows} as r)",
    )
    .bind("project", NO_PROJECT)
    .bind("worker", worker)
    .rows("rows", rows)
    .execute(txn)
    .await?;
    if usize::try_from(touched).ok() == Some(lanes.len()) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Aborted,
        LOST,
        "a lane of the batch has gone to another worker; its work is theirs now",
    ))
}

/// Keeps batches of these lanes out until `txn` ends, whoever drives them.
pub(crate) async fn lock(txn: &DatabaseTransaction, lanes: impl ExactSizeIterator<Item = u8>) -> Result<(), Error> {
    Sql::new("update lanes set epoch = epoch where project_id = {project} and lane in (select r.lane from {rows} as r)")
        .bind("project", NO_PROJECT)
        .rows("rows", of_lanes(lanes))
        .execute(txn)
        .await
        .map(drop)
}

pub(super) fn of_lanes(lanes: impl ExactSizeIterator<Item = u8>) -> Rows {
    Rows::new(lanes.len()).ints("lane", lanes)
}

/// A lane as it is read back: 0 to 63.
pub(crate) fn lane(row: &QueryResult) -> Result<u8, Error> {
    u8::try_from(row.get::<i64>("lane")?).map_err(Error::internal)
}

fn held(rows: &[QueryResult]) -> Result<Held, Error> {
    rows.iter().map(|row| Ok((lane(row)?, row.get("epoch")?))).collect()
}
