//! Addresses that are not written to, as keyed hashes.

use std::collections::{HashMap, HashSet};

use chappe_ids::{MessageId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql, lease};
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use crate::domain::{
    decision::CONSENT_AGE,
    token::{AddressHash, HASH_BYTES},
};

/// An address of a project.
pub(crate) type AddressRef = (ProjectId, AddressHash);

/// What is known against writing to some addresses.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// Classes that an address is suppressed for, as bits.
    pub(crate) suppressed: HashMap<AddressRef, i64>,
    /// Opted out, and not known to be in the profiles that were read.
    pub(crate) opted_out: HashSet<AddressRef>,
}

/// Reads suppressions, and opt-outs that the profiles at hand may not carry yet: what is sent was read at most
/// [`CONSENT_AGE`] ago.
pub(crate) async fn blocks(conn: &impl ConnectionTrait, addresses: &[AddressRef]) -> Result<Blocks, Error> {
    if addresses.is_empty() {
        return Ok(Blocks::default());
    }
    let wanted = Rows::new(addresses.len())
        .uuids("r_project", addresses.iter().map(|(project, _)| *project))
        .bytes("r_hash", addresses.iter().map(|(_, hash)| hash));
    let rows = Sql::new(
        "select project_id, address_hash, classes from suppressions
         where (project_id, address_hash) in (select r.r_project, r.r_hash from {wanted} as r)
         union all
         select project_id, address_hash, 0 as classes from opt_outs
         where (project_id, address_hash) in (select r.r_project, r.r_hash from {wanted} as r)
           and (relayed_at is null or relayed_at >= {db_now} - {consent_age})",
    )
    .bind("consent_age", lease::micros(CONSENT_AGE))
    .rows("wanted", wanted)
    .all(conn)
    .await?;
    let mut blocks = Blocks::default();
    for row in &rows {
        let address = (row.get("project_id")?, hash(&row.get::<Vec<u8>>("address_hash")?)?);
        match row.get::<i64>("classes")? {
            0 => {
                blocks.opted_out.insert(address);
            }
            classes => {
                blocks.suppressed.insert(address, classes);
            }
        }
    }
    Ok(blocks)
}

fn hash(bytes: &[u8]) -> Result<AddressHash, Error> {
    let bytes: [u8; HASH_BYTES] = bytes
        .try_into()
        .map_err(|_| Error::internal("an address hash of another length"))?;
    Ok(AddressHash(bytes))
}

/// Suppresses addresses for these classes. The first reason stays.
pub(crate) async fn suppress(
    txn: &DatabaseTransaction,
    addresses: &[AddressRef],
    reason: &str,
    classes: i64,
    now: Timestamp,
) -> Result<(), Error> {
    if addresses.is_empty() {
        return Ok(());
    }
    let mut sorted = addresses.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let rows = Rows::new(sorted.len())
        .uuids("project_id", sorted.iter().map(|(project, _)| *project))
        .bytes("address_hash", sorted.iter().map(|(_, hash)| hash));
    Sql::new(
        "insert into suppressions (project_id, address_hash, reason, classes, source, since)
         select r.project_id, r.address_hash, {reason}, {classes}, 'smtp', {now} from {rows} as r where true
         on conflict (project_id, address_hash) do nothing",
    )
    .bind("reason", reason)
    .bind("classes", classes)
    .bind("now", now.micros())
    .rows("rows", rows)
    .execute(txn)
    .await
    .map(drop)
}

/// Remembers an opt-out. Answers whether profile-store must be told: not while that of the same message is on its way.
/// That of another one may have nobody who tells of it: its message was erased, or its row given up.
pub(crate) async fn opt_out(
    txn: &DatabaseTransaction,
    (project, address): AddressRef,
    message: MessageId,
    now: Timestamp,
) -> Result<bool, Error> {
    let written = Sql::new(
        "insert into opt_outs (project_id, address_hash, message_id, at, relayed_at)
         values ({project}, {address}, {message}, {now}, null)
         on conflict (project_id, address_hash) do update set
           message_id = excluded.message_id, at = excluded.at, relayed_at = null
         where opt_outs.relayed_at is not null or opt_outs.message_id <> excluded.message_id",
    )
    .bind("project", project)
    .bind("address", address.0.to_vec())
    .bind("message", message)
    .bind("now", now.micros())
    .execute(txn)
    .await?;
    Ok(written > 0)
}

/// Remembers that profile-store has taken an opt-out over.
pub(crate) async fn opt_out_relayed(txn: &DatabaseTransaction, addresses: &[AddressRef]) -> Result<(), Error> {
    let rows = Rows::new(addresses.len())
        .uuids("r_project", addresses.iter().map(|(project, _)| *project))
        .bytes("r_hash", addresses.iter().map(|(_, hash)| hash));
    Sql::new(
        "update opt_outs set relayed_at = {db_now}
         where relayed_at is null and (project_id, address_hash) in (select r.r_project, r.r_hash from {rows} as r)",
    )
    .rows("rows", rows)
    .execute(txn)
    .await
    .map(drop)
}
