use std::{str::FromStr as _, time::Duration};

use chappe_kit::{Error, IdGen, Timestamp};
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    RuntimeErr, SqliteTransactionMode, SqlxError, TransactionOptions, TransactionTrait as _,
    sqlx::{
        ConnectOptions as _, Connection as _,
        postgres::PgConnectOptions,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};

use crate::{DatabaseConfig, IntoError as _, RowExt as _, Sql, error::is_write_conflict};

/// How long SQLite waits for another process before it says that the database is busy.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long PostgreSQL keeps a transaction open, and its locks, for a process that says nothing. One that stands still, or
/// is cut off without a word, would stop every other otherwise. Shorter than any lease.
const MAX_IDLE_IN_TRANSACTION: &str = "5s";

/// How often one transaction is run before its conflict is the caller's.
const MAX_ATTEMPTS: u32 = 6;

/// The first pause after a conflict; each further one is twice as long at most.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// How long one connection to PostgreSQL may take, when it is made to see whether it can be made.
const REACH_TIMEOUT: Duration = Duration::from_secs(5);

/// The reason of an address that no database can have.
const URL_INVALID: &str = "DATABASE_URL_INVALID";

/// One service's database.
///
/// SQLite has one connection that writes and a pool that reads: writers queue in order of arrival, and
/// readers see the last commit. PostgreSQL has one pool for both and a schema per service.
#[derive(Clone, Debug)]
pub struct Db {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
}

impl Db {
    /// Opens the database of `service` at `url`, with the default waiting time for a connection.
    pub async fn connect(url: &str, service: &str, max_connections: u32) -> Result<Self, Error> {
        let config = DatabaseConfig {
            max_connections,
            ..DatabaseConfig::new(url)
        };
        Self::open(&config, service).await
    }

    /// Opens the database of `service`. A SQLite file and a PostgreSQL schema are made if they are missing;
    /// tables are made by [`crate::migrate::up`] only.
    pub async fn open(config: &DatabaseConfig, service: &str) -> Result<Self, Error> {
        let starts = |scheme| config.url.starts_with(scheme);
        if starts("sqlite:") {
            open_sqlite(config).await
        } else if starts("postgres://") || starts("postgresql://") {
            open_postgres(config, service).await
        } else {
            Err(Error::invalid(
                URL_INVALID,
                "the database url must start with sqlite: or postgres://",
            ))
        }
    }

    /// For reading. Writing through it is refused on SQLite, so that no test passes with it.
    pub fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// The engine, for the few statements that must differ.
    pub fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// The time of the database. Also the way to see whether it answers.
    pub async fn now(&self) -> Result<Timestamp, Error> {
        let row = Sql::new("select {db_now} as now").one(&self.reader).await?;
        row.ok_or_else(|| Error::internal("a select without a row"))?
            .time("now")
    }

    /// Closes every connection; what still waits for one gets `UNAVAILABLE`.
    pub async fn close(&self) -> Result<(), Error> {
        self.reader.close_by_ref().await.db()?;
        self.writer.close_by_ref().await.db()
    }

    /// Runs `work` in one write transaction: commits on `Ok`, rolls back on `Err` and when dropped.
    ///
    /// A transaction that lost against another is run again a few times, so `work` must touch nothing but
    /// the transaction. Its error then is the last one, `Aborted` with [`crate::WRITE_CONFLICT`].
    ///
    /// `work` is cloned for each attempt rather than called by reference: a borrowed async closure's future
    /// is `Send` for one lifetime only, and a boxed handler asks for all.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        F: AsyncFnOnce(&DatabaseTransaction) -> Result<T, Error> + Clone,
    {
        let mut attempt = 1;
        loop {
            match self.write_once(work.clone()).await {
                Err(error) if is_write_conflict(&error) && attempt < MAX_ATTEMPTS => {
                    tracing::debug!(attempt, "a write transaction lost against another and is run again");
                    pause(attempt).await;
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    async fn write_once<T, F>(&self, work: F) -> Result<T, Error>
    where
        F: AsyncFnOnce(&DatabaseTransaction) -> Result<T, Error>,
    {
        // A deferred transaction that turns out to write fails at once when another has written since it began.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let txn = self.writer.begin_with_options(options).await.db()?;
        match work(&txn).await {
            Ok(value) => {
                txn.commit().await.db()?;
                Ok(value)
            }
            Err(error) => {
                // Nothing is kept of it either way: the connection may be gone, and SQLite rolls back by itself when the
                // disk is full.
                if let Err(rollback) = txn.rollback().await {
                    tracing::debug!("a transaction that failed had ended before it was rolled back: {rollback}");
                }
                Err(error)
            }
        }
    }
}

/// Waits before the next attempt: between half and the whole of a span that doubles.
pub(crate) async fn pause(attempt: u32) {
    let span = FIRST_PAUSE * 2_u32.pow(attempt.min(8) - 1);
    let [random] = IdGen::system().secret();
    #[expect(
        clippy::disallowed_methods,
        reason = "a pause between attempts, not a way to wait for something"
    )]
    tokio::time::sleep(span / 2 + span / 2 * u32::from(random) / u32::from(u8::MAX)).await;
}

fn options(config: &DatabaseConfig) -> ConnectOptions {
    let mut options = ConnectOptions::new(&config.url);
    options
        .max_connections(config.max_connections.max(1))
        .acquire_timeout(config.acquire_timeout())
        // Statements carry personal data.
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    // A full disk ends a transaction inside SQLite, and the driver goes on counting it. What followed over the same
    // connection would be savepoints of a transaction that nobody commits, and would be acknowledged.
    options.map_sqlx_sqlite_before_acquire(|connection, _| {
        let is_sound = !connection.is_in_transaction();
        Box::pin(async move { Ok(is_sound) })
    });
    options
}

/// Host and port in the address of a PostgreSQL database, if it can be read.
pub fn postgres_server(url: &str) -> Option<String> {
    let options = PgConnectOptions::from_str(url).ok()?;
    Some(format!("{}:{}", options.get_host(), options.get_port()))
}

/// Whether this can be the address of a PostgreSQL database. The driver's own parser panics on what is no URL. What it
/// says of one never quotes it.
pub fn check_postgres_url(url: &str) -> Result<(), Error> {
    postgres_options(url).map(drop)
}

/// Whether PostgreSQL takes a connection, and if not, why: the pool tries again until its patience ends, and then says
/// that it has ended.
pub async fn reach_postgres(url: &str) -> Result<(), Error> {
    let options = postgres_options(url)?;
    let connection = tokio::time::timeout(REACH_TIMEOUT, options.connect()).await;
    let late = || std::io::Error::from(std::io::ErrorKind::TimedOut);
    let connection = connection.unwrap_or_else(|_| Err(SqlxError::Io(late())));
    let connection = connection.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())));
    // It was made; whether its end is orderly matters to nobody.
    drop(connection.db()?.close().await);
    Ok(())
}

fn postgres_options(url: &str) -> Result<PgConnectOptions, Error> {
    PgConnectOptions::from_str(url).map_err(|error| {
        Error::invalid(
            URL_INVALID,
            format!(
                "the database url cannot be read ({error}); write postgres://user:password@host:5432/database, special \
                 characters as %XX, for example %40 for @"
            ),
        )
    })
}

async fn open_sqlite(config: &DatabaseConfig) -> Result<Db, Error> {
    let pragmas = |options: SqliteConnectOptions| {
        options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // Acknowledged means durable: WAL with NORMAL may lose the last commits when the machine dies.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
    };
    let mut writer = options(config);
    writer
        .max_connections(1)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .map_sqlx_sqlite_opts(pragmas);
    let writer = Database::connect(writer).await.db()?;

    let mut reader = options(config);
    reader
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(move |options| pragmas(options).pragma("query_only", "on"));
    let reader = Database::connect(reader).await.db()?;
    Ok(Db { writer, reader })
}

async fn open_postgres(config: &DatabaseConfig, service: &str) -> Result<Db, Error> {
    reach_postgres(&config.url).await?;
    let schema = service.replace('-', "_");
    let mut pool = options(config);
    pool.set_schema_search_path(format!("\"{schema}\""))
        .set_application_name(format!("chappe-{service}"))
        .map_sqlx_postgres_opts(|options| {
            options.options([("idle_in_transaction_session_timeout", MAX_IDLE_IN_TRANSACTION)])
        });
    let pool = Database::connect(pool).await.db()?;
    create_schema(&pool, &schema).await?;
    Ok(Db {
        writer: pool.clone(),
        reader: pool,
    })
}

/// Makes the schema if it is missing. Asking first matters: `create schema if not exists` needs the right to
/// create even where there is nothing to do, and the role at run time has none.
async fn create_schema(pool: &DatabaseConnection, schema: &str) -> Result<(), Error> {
    if schema_exists(pool, schema).await? {
        return Ok(());
    }
    let created = pool.execute_unprepared(&format!("create schema \"{schema}\"")).await;
    match created.db() {
        Ok(_) => Ok(()),
        // Two processes that start together both found it missing.
        Err(error) => match schema_exists(pool, schema).await {
            Ok(true) => Ok(()),
            _ => Err(error),
        },
    }
}

async fn schema_exists(pool: &DatabaseConnection, schema: &str) -> Result<bool, Error> {
    let row = Sql::new("select count(*) as found from pg_namespace where nspname = {schema}")
        .bind("schema", schema)
        .one(pool)
        .await?;
    row.map_or(Ok(false), |row| Ok(row.get::<i64>("found")? > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_read_is_refused_without_its_password() {
        for url in [
            "postgres://u:secret@h:port/d",
            "postgres://u:sec/ret@h/d",
            "postgres://u:sec#ret@h/d",
        ] {
            let refused = check_postgres_url(url).unwrap_err().to_string();
            assert!(refused.contains("%XX") && !refused.contains("sec"), "{refused}");
            assert_eq!(postgres_server(url), None);
        }
        assert_eq!(postgres_server("postgres://u:p%40@h/d").as_deref(), Some("h:5432"));
    }
}
