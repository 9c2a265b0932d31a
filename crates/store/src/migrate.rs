//! Forward-only migrations, one runner at a time.
//!
//! The library below takes no lock, so two runners would both apply what is pending. Here a lease row guards
//! the run, and what is pending is read under it.

use std::{marker::PhantomData, time::Duration};

use chappe_kit::{Clock, Error, ErrorKind, IdGen};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{
    MigrationName, MigrationTrait, MigratorTrait, MigratorTraitSelf, SchemaManager, async_trait::async_trait,
};
use uuid::Uuid;

use crate::{Db, IntoError as _, error::is_write_conflict, lease, schema};

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

/// How often a migration that met a lock is tried.
const MAX_ATTEMPTS: u32 = 6;

/// Applies what is pending. Waits while another runner does.
pub async fn up<M: MigratorTrait + Send + Sync>(db: &Db) -> Result<(), Error> {
    let create = schema::translate(db.backend(), &schema::LEASES.concat());
    for attempt in 1.. {
        match db.writer().execute_unprepared(&create).await {
            Ok(_) => break,
            // Two runners that both found it missing: `if not exists` does not save the slower one.
            Err(_) if attempt < MAX_ATTEMPTS => crate::db::pause(attempt).await,
            Err(error) => return Err(crate::classify(error)),
        }
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

/// The names of the migrations that [`up`] would apply. Reads only, so it serves a role without DDL rights.
pub async fn pending<M: MigratorTrait + Send + Sync>(db: &Db) -> Result<Vec<String>, Error> {
    let pending = M::get_pending_migrations_read_only(db.read()).await.db()?;
    Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
}

async fn apply<M: MigratorTrait + Send + Sync>(db: &Db) -> Result<(), Error> {
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

async fn wait_for_lease(db: &Db, owner: Uuid) -> Result<i64, Error> {
    let clock = Clock::system();
    let give_up = tokio::time::Instant::now() + PATIENCE;
    let mut polls = tokio::time::interval(POLL);
    loop {
        polls.tick().await;
        let now = clock.now();
        match db
            .write(async |txn| lease::acquire(txn, LEASE, owner, now, TTL).await)
            .await
        {
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
    let clock = Clock::system();
    let mut ticks = tokio::time::interval(TTL / 3);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let until = clock.now() + TTL;
        match db
            .write(async |txn| lease::renew(txn, LEASE, owner, epoch, until).await)
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
