//! Forward-only migrations, one runner at a time.
//!
//! The library below takes no lock, so two runners would both apply what is pending. Here a lease row guards
//! the run, and what is pending is read under it.

use std::{marker::PhantomData, time::Duration};

use chappe_kit::{Error, ErrorKind, IdGen};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{
    MigrationName, MigrationTrait, MigratorTrait, MigratorTraitSelf, SchemaManager, async_trait::async_trait,
};
use uuid::Uuid;

use crate::{Db, IntoError as _, RowExt as _, Sql, error::is_write_conflict, lease, schema};

/// The lease of the run.
const LEASE: &str = "migrations";

/// How long the lease of a runner that died keeps the next one waiting.
const TTL: Duration = Duration::from_secs(30);

/// How often a runner looks whether the one before it is done.
const POLL: Duration = Duration::from_millis(100);

/// How long a runner waits for the one before it: a long index build, and then some.
const PATIENCE: Duration = Duration::from_mins(15);

/// A change of a busy table gives way to its users rather than queue in front of them, and is tried again.
const LOCK_TIMEOUT: &str = "set local lock_timeout = '5s'";

/// How a step ends with which the version before cannot work: see [`Status::breaks`].
pub const BREAKING: &str = "_breaking";

/// How often a migration that met a lock is tried.
const MAX_ATTEMPTS: u32 = 6;

/// Applies what is pending. Waits while another runner does.
pub async fn up<M: MigratorTrait + Send + Sync>(db: &Db) -> Result<(), Error> {
    for table in [schema::LEASES, schema::MASTER_KEY] {
        create(db, &schema::translate(db.backend(), &table.concat())).await?;
    }
    let owner = IdGen::system().uuid();
    let epoch = wait_for_lease(db, owner).await?;
    let done = tokio::select! {
        done = apply::<M>(db) => done,
        lost = keep_lease(db, owner, epoch) => Err(lost),
    };
    let released = db
        .write(async |txn| lease::release(txn, LEASE, owner, epoch).await)
        .await;
    done.and(released)
}

async fn create(db: &Db, table: &str) -> Result<(), Error> {
    for attempt in 1.. {
        match db.writer().execute_unprepared(table).await {
            Ok(_) => break,
            // Two runners that both found it missing: `if not exists` does not save the slower one.
            Err(_) if attempt < MAX_ATTEMPTS => crate::db::pause(attempt).await,
            Err(error) => return Err(crate::classify(error)),
        }
    }
    Ok(())
}

/// How far a schema is from what this version knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Steps that the schema lacks, in order.
    pub pending: Vec<String>,
    /// Steps of a newer version. The rule of the house is that the version before still works with them, unless
    /// [`Status::breaks`] names one.
    pub newer: Vec<String>,
}

impl Status {
    /// A newer step with which this version must not work.
    pub fn breaks(&self) -> Option<&str> {
        self.newer
            .iter()
            .map(String::as_str)
            .find(|name| name.ends_with(BREAKING))
    }
}

/// Compares the schema with what this version knows. Reads only, so it serves a role without DDL rights.
pub async fn status<M: MigratorTrait + Send + Sync>(db: &Db) -> Result<Status, Error> {
    let known: Vec<String> = M::migrations().iter().map(|step| step.name().to_owned()).collect();
    let table = M::migration_table_name().to_string();
    let mut applied = Vec::new();
    if SchemaManager::new(db.read()).has_table(&table).await.db()? {
        let steps = Sql::new("select version from seaql_migrations order by version");
        for row in steps.all(db.read()).await? {
            applied.push(row.get::<String>("version")?);
        }
    }
    let missing_in = |from: &[String], of: &[String]| of.iter().filter(|step| !from.contains(step)).cloned().collect();
    Ok(Status {
        pending: missing_in(&applied, &known),
        newer: missing_in(&known, &applied),
    })
}

/// The names of the migrations that [`up`] would apply.
pub async fn pending<M: MigratorTrait + Send + Sync>(db: &Db) -> Result<Vec<String>, Error> {
    Ok(status::<M>(db).await?.pending)
}

async fn apply<M: MigratorTrait + Send + Sync>(db: &Db) -> Result<(), Error> {
    let status = status::<M>(db).await?;
    if !status.newer.is_empty() {
        return newer(&status);
    }
    let runner = Runner::<M>(PhantomData);
    let mut attempt = 1;
    loop {
        match runner.up(db.writer(), None).await.db() {
            Err(error) if is_write_conflict(&error) && attempt < MAX_ATTEMPTS => {
                tracing::info!(attempt, "a migration met a lock and is tried again");
                crate::db::pause(attempt).await;
                attempt += 1;
            }
            done => return done,
        }
    }
}

/// A newer version was here. Where it applied all that is known here there is nothing to do.
fn newer(status: &Status) -> Result<(), Error> {
    if status.pending.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::FailedPrecondition,
        "SCHEMA_NEWER",
        format!(
            "the schema has {}, which this version does not know, and lacks {}: migrate with the newer version",
            status.newer.join(", "),
            status.pending.join(", ")
        ),
    ))
}

async fn wait_for_lease(db: &Db, owner: Uuid) -> Result<i64, Error> {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    let mut polls = tokio::time::interval(POLL);
    loop {
        polls.tick().await;
        match db.write(async |txn| lease::acquire(txn, LEASE, owner, TTL).await).await {
            Ok(Some(lease)) => return Ok(lease.epoch),
            Ok(None) => {}
            // Another process writes to the same SQLite file.
            Err(error) if is_write_conflict(&error) => {}
            Err(error) => return Err(error),
        }
        if tokio::time::Instant::now() > give_up {
            return Err(Error::new(
                ErrorKind::Aborted,
                "MIGRATION_BUSY",
                "another process is still migrating this database; look whether it makes progress, then try again",
            ));
        }
    }
}

/// Renews the lease at a third of its time. Comes back only when it is lost: while a migration holds the one
/// connection that writes, renewing has to wait, and nobody else gets in either.
async fn keep_lease(db: &Db, owner: Uuid, epoch: i64) -> Error {
    let mut ticks = tokio::time::interval(TTL / 3);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        match db
            .write(async |txn| lease::renew(txn, LEASE, owner, epoch, TTL).await)
            .await
        {
            Err(lost) if lost.reason() == lease::LOST => return lost,
            Err(error) => error.log("renewing the lease of the migrations"),
            Ok(()) => {}
        }
    }
}

/// The service's migrations, each in a transaction on every engine unless it says otherwise.
struct Runner<M>(PhantomData<M>);

#[async_trait]
impl<M: MigratorTrait + Send + Sync> MigratorTraitSelf for Runner<M> {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        M::migrations()
            .into_iter()
            .map(|migration| Box::new(Transactional(migration)) as _)
            .collect()
    }

    fn migration_table_name(&self) -> sea_orm::DynIden {
        M::migration_table_name()
    }
}

struct Transactional(Box<dyn MigrationTrait>);

impl MigrationName for Transactional {
    fn name(&self) -> &str {
        self.0.name()
    }
}

#[async_trait]
impl MigrationTrait for Transactional {
    #[expect(
        elided_lifetimes_in_paths,
        reason = "the trait hides the lifetime, so its implementations must"
    )]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres && self.use_transaction() == Some(true) {
            manager.get_connection().execute_unprepared(LOCK_TIMEOUT).await?;
        }
        self.0.up(manager).await
    }

    fn use_transaction(&self) -> Option<bool> {
        self.0.use_transaction().or(Some(true))
    }
}
