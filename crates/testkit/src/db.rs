use std::time::Duration;

use chappe_store::{Db, IntoError as _};
use sea_orm::ConnectionTrait as _;
use tempfile::TempDir;
use uuid::Uuid;

use crate::env::store_url;

/// Enough for tests that race, few enough for a server with a hundred connections.
const MAX_CONNECTIONS: u32 = 4;

/// A database of one test: a SQLite file, or a PostgreSQL schema. It has no tables yet.
#[derive(Debug)]
pub struct TestDb {
    db: Db,
    url: String,
    service: String,
    /// Keeps the directory for as long as the test runs.
    _dir: Option<TempDir>,
}

impl TestDb {
    /// A SQLite file in a directory of its own.
    ///
    /// # Panics
    /// If the file cannot be made.
    pub async fn sqlite(service: &str) -> Self {
        let dir = TempDir::new().expect("a scratch directory");
        let url = format!("sqlite:{}", dir.path().join("test.db").display());
        Self::open(url, service.to_owned(), Some(dir)).await
    }

    /// A schema of its own on the server at `TEST_POSTGRES_URL`; it goes with the server. `None` without one,
    /// a failure if `REQUIRE_POSTGRES` is set.
    ///
    /// # Panics
    /// If the server does not answer.
    pub async fn postgres(service: &str) -> Option<Self> {
        let url = store_url("TEST_POSTGRES_URL", "REQUIRE_POSTGRES")?;
        let service = format!("{service}-{}", Uuid::new_v4().simple());
        Some(Self::open(url, service, None).await)
    }

    async fn open(url: String, service: String, dir: Option<TempDir>) -> Self {
        let db = Db::connect(&url, &service, MAX_CONNECTIONS)
            .await
            .expect("the test database opens");
        Self {
            db,
            url,
            service,
            _dir: dir,
        }
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The same database through connections of its own, as another process would have.
    ///
    /// # Panics
    /// If it does not open again.
    pub async fn reopen(&self) -> Db {
        Db::connect(&self.url, &self.service, MAX_CONNECTIONS)
            .await
            .expect("the test database opens again")
    }

    /// The address of an empty database on the same server, for a process that makes every schema itself. `None`
    /// with SQLite, where a directory is all it takes.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn empty_database(&self) -> Option<String> {
        if self.url.starts_with("sqlite:") {
            return None;
        }
        let name = format!("chappe_{}", Uuid::new_v4().simple());
        let create = format!("create database {name}");
        let created = self.db.read().execute_unprepared(&create).await;
        created.expect("the server makes a database");
        let separator = if self.url.contains('?') { '&' } else { '?' };
        Some(format!("{}{separator}dbname={name}", self.url))
    }

    /// Lets time pass for leases, which the database measures: each of these columns, as `(table, column)`, moves that
    /// far into the past.
    ///
    /// # Panics
    /// If one of them is not there.
    pub async fn age(&self, by: Duration, columns: &[(&str, &str)]) {
        let micros = by.as_micros();
        for (table, column) in columns {
            let text = format!("update {table} set {column} = {column} - {micros}");
            let aged = self
                .db
                .write(async |txn| txn.execute_unprepared(&text).await.db().map(drop));
            aged.await.expect("the columns are there");
        }
    }

    /// What a service's configuration says to use this database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of the service whose schema this is.
    pub fn service(&self) -> &str {
        &self.service
    }
}
