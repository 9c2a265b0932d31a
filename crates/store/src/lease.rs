//! Named leases of the whole service: one replica at a time does a singleton's work, or drives a lane.
//!
//! A lease has an owner and an epoch, which grows whenever the owner changes. Time, which is the database's, only
//! decides who may *try*; what a former owner still wants to write is kept out by [`fence`], the first statement of its transaction.

use std::time::Duration;

use chappe_ids::ProjectId;
use chappe_kit::{Error, ErrorKind};
use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use crate::{RowExt as _, Sql};

/// Leases belong to no project; their rows carry project zero, since the project leads every key.
pub(crate) const NO_PROJECT: ProjectId = ProjectId::from_uuid(Uuid::nil());

/// The reason of the error of an owner that is not the owner any more.
pub const LOST: &str = "LEASE_LOST";

/// A lease that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Grows by one whenever another owner takes over.
    pub epoch: i64,
}

/// Takes the lease if it is free, run out, or the owner's already; `None` while another holds it.
pub async fn acquire(
    txn: &DatabaseTransaction,
    name: &str,
    owner: Uuid,
    ttl: Duration,
) -> Result<Option<Lease>, Error> {
    let row = Sql::new(
        "insert into leases (project_id, name, owner, epoch, until)
         values ({project}, {name}, {owner}, 1, {db_now} + {ttl})
         on conflict (project_id, name) do update set
           owner = excluded.owner,
           epoch = case when leases.owner = excluded.owner then leases.epoch else leases.epoch + 1 end,
           until = excluded.until
         where leases.owner = excluded.owner or leases.until <= {db_now}
         returning epoch",
    )
    .bind("project", NO_PROJECT)
    .bind("name", name)
    .bind("owner", owner)
    .bind("ttl", micros(ttl))
    .one(txn)
    .await?;
    row.map(|row| {
        Ok(Lease {
            epoch: row.get("epoch")?,
        })
    })
    .transpose()
}

/// Extends a lease that is still the owner's, also when it has run out and nobody noticed.
pub async fn renew(txn: &DatabaseTransaction, name: &str, owner: Uuid, epoch: i64, ttl: Duration) -> Result<(), Error> {
    let sql = Sql::new(
        "update leases set until = {db_now} + {ttl}
         where project_id = {project} and name = {name} and owner = {owner} and epoch = {epoch}",
    );
    held(sql.bind("ttl", micros(ttl)), txn, name, owner, epoch).await
}

/// Gives the lease back, so that another need not wait for it to run out.
pub async fn release(txn: &DatabaseTransaction, name: &str, owner: Uuid, epoch: i64) -> Result<(), Error> {
    let sql = Sql::new(
        "update leases set until = 0
         where project_id = {project} and name = {name} and owner = {owner} and epoch = {epoch}",
    );
    held(sql, txn, name, owner, epoch).await
}

/// Lets `txn` go on only while the lease is the owner's, and keeps others from taking it before the commit.
pub async fn fence(txn: &DatabaseTransaction, name: &str, owner: Uuid, epoch: i64) -> Result<(), Error> {
    let sql = Sql::new(
        "update leases set epoch = epoch
         where project_id = {project} and name = {name} and owner = {owner} and epoch = {epoch}",
    );
    held(sql, txn, name, owner, epoch).await
}

/// A span as it is added to `{db_now}`.
pub fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

async fn held(sql: Sql, txn: &DatabaseTransaction, name: &str, owner: Uuid, epoch: i64) -> Result<(), Error> {
    let touched = sql
        .bind("project", NO_PROJECT)
        .bind("name", name)
        .bind("owner", owner)
        .bind("epoch", epoch)
        .execute(txn)
        .await?;
    if touched == 0 {
        return Err(Error::new(
            ErrorKind::Aborted,
            LOST,
            format!("the lease {name} has gone to another owner; this work is theirs now"),
        ));
    }
    Ok(())
}
