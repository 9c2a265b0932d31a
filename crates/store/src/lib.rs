//! The store of a service: one database, one way to write, and the small tables every service shares.
//!
//! The same code runs on SQLite (embedded) and PostgreSQL (mesh). SQL is written once, set-based, with
//! [`Sql`] and [`Rows`]; where the engines differ, the difference sits in this crate.

mod cells;
mod config;
mod db;
mod error;
mod row;
mod rows;
mod sql;

pub mod fingerprint;
pub mod idempotency;
pub mod lease;
pub mod migrate;
pub mod outbox;
pub mod retired;
pub mod schema;

pub use config::DatabaseConfig;
pub use db::{Db, check_postgres_url, postgres_server, reach_postgres};
pub use error::{IntoError, RETRY_CONFLICT, WRITE_CONFLICT, classify, is_write_conflict};
pub use row::RowExt;
pub use rows::Rows;
pub use sql::Sql;
