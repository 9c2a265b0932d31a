//! Which master key a database belongs to.
//!
//! Hashes and tokens that are stored, or out in the world, mean nothing under another key. So the first process that
//! uses a database leaves the fingerprint of its key there, and every later one compares.

use chappe_kit::{Error, MasterKey};
use sea_orm::ConnectionTrait;

use crate::{Db, RowExt as _, Sql, lease::NO_PROJECT};

/// The use for which the key is derived, and what is hashed under it.
const LABEL: &str = "fingerprint";
/// Half of HMAC-SHA-256: nobody finds another key for it, let alone the key.
const BYTES: usize = 16;

/// Leaves the fingerprint where there is none. Whether the database belongs to this key.
pub async fn belongs(db: &Db, key: &MasterKey) -> Result<bool, Error> {
    let ours = &key.derive(LABEL).mac(LABEL.as_bytes())[..BYTES];
    if let Some(theirs) = read(db.read()).await? {
        return Ok(theirs == ours);
    }
    db.write(async |txn| {
        let insert = Sql::new(
            "insert into master_key (project_id, fingerprint) values ({project}, {fingerprint})
             on conflict (project_id) do nothing",
        );
        let insert = insert.bind("project", NO_PROJECT).bind("fingerprint", ours.to_vec());
        insert.execute(txn).await
    })
    .await?;
    // Of two that start at the same time, one is first.
    Ok(read(db.read()).await?.is_some_and(|theirs| theirs == ours))
}

async fn read(db: &impl ConnectionTrait) -> Result<Option<Vec<u8>>, Error> {
    let select = Sql::new("select fingerprint from master_key where project_id = {project}");
    let row = select.bind("project", NO_PROJECT).one(db).await?;
    row.map(|row| row.get("fingerprint")).transpose()
}
