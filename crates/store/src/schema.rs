//! Tables in portable SQL, and those that every service has.
//!
//! ```ignore
//! pub(crate) fn migration() -> Migration {
//!     Migration::new("m0001_initial")
//!         .run(schema::OUTBOX)
//!         .run(&["create table things (project_id {uuid} not null, doc {json} not null, …)"])
//! }
//! ```
//!
//! Types are written `{uuid}`, `{json}`, `{bytes}`, `{bigint}` and `{bool}`. One statement a string, as engines
//! that distribute their tables want it.

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait};

/// Messages to other services: see [`crate::outbox`]. Parked rows stay out of the index, so that claiming never
/// walks over them.
pub const OUTBOX: &[&str] = &[
    "create table if not exists outbox (
        project_id {uuid} not null,
        id {uuid} not null,
        topic text not null,
        key text not null,
        payload {json} not null,
        traceparent text,
        created_at {bigint} not null,
        available_at {bigint} not null,
        attempts {bigint} not null default 0,
        claimed_by {uuid},
        lease_until {bigint},
        parked_reason text,
        primary key (project_id, id)
    )",
    "create index if not exists outbox_due on outbox (topic, available_at) where parked_reason is null",
];

/// Singleton work and lanes: see [`crate::lease`]. The migration runner makes this table too, since it needs a
/// lease before there is a schema.
pub const LEASES: &[&str] = &["create table if not exists leases (
    project_id {uuid} not null,
    name text not null,
    owner {uuid} not null,
    epoch {bigint} not null,
    until {bigint} not null,
    primary key (project_id, name)
)"];

/// Under which master key the data was written: see [`crate::fingerprint`]. Made by the migration runner.
pub const MASTER_KEY: &[&str] = &["create table if not exists master_key (
    project_id {uuid} not null,
    fingerprint {bytes} not null,
    primary key (project_id)
)"];

/// Profile ids that are gone or moved: see [`crate::retired`].
pub const RETIRED_PROFILES: &[&str] = &[
    "create table if not exists retired_profiles (
        project_id {uuid} not null,
        profile_id {uuid} not null,
        moved_to {uuid},
        until {bigint} not null,
        primary key (project_id, profile_id)
    )",
    "create index if not exists retired_profiles_until on retired_profiles (until)",
];

/// Calls made under an idempotency key: see [`crate::idempotency`].
pub const IDEMPOTENCY: &[&str] = &[
    "create table if not exists idempotency (
        project_id {uuid} not null,
        scope text not null,
        key text not null,
        fingerprint {bytes} not null,
        response {bytes},
        lease_until {bigint} not null,
        created_at {bigint} not null,
        expires_at {bigint} not null,
        primary key (project_id, scope, key)
    )",
    "create index if not exists idempotency_expires on idempotency (expires_at)",
];

/// A migration that is a list of statements. It runs in one transaction on both engines.
#[derive(Clone, Debug)]
pub struct Migration {
    name: &'static str,
    statements: Vec<&'static str>,
}

impl Migration {
    /// A migration without statements yet. The name is final once it was applied anywhere.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            statements: Vec::new(),
        }
    }

    /// Adds statements, to be run in this order.
    #[must_use]
    pub fn run(mut self, statements: &[&'static str]) -> Self {
        self.statements.extend_from_slice(statements);
        self
    }
}

impl MigrationName for Migration {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    #[expect(
        elided_lifetimes_in_paths,
        reason = "the trait hides the lifetime, so its implementations must"
    )]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in &self.statements {
            exec(manager, statement).await?;
        }
        Ok(())
    }
}

/// Runs one DDL statement, its types in the words of the engine: for a migration that is more than statements.
pub async fn exec(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    let sql = translate(manager.get_database_backend(), sql);
    manager.get_connection().execute_unprepared(&sql).await?;
    Ok(())
}

pub(crate) fn translate(backend: DbBackend, sql: &str) -> String {
    let types = match backend {
        DbBackend::Postgres => [
            ("{uuid}", "uuid"),
            ("{json}", "jsonb"),
            ("{bytes}", "bytea"),
            ("{bigint}", "bigint"),
            ("{bool}", "boolean"),
        ],
        _ => [
            ("{uuid}", "blob"),
            ("{json}", "text"),
            ("{bytes}", "blob"),
            ("{bigint}", "bigint"),
            ("{bool}", "boolean"),
        ],
    };
    types
        .into_iter()
        .fold(sql.to_owned(), |sql, (portable, own)| sql.replace(portable, own))
}
