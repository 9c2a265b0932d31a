//! What the database said, as a kind of failure that callers act upon.

use std::{borrow::Cow, time::Duration};

use chappe_kit::{Error, ErrorKind};
use sea_orm::{DbErr, RuntimeErr, SqlErr, SqlxError};

/// The reason of a failure that goes away when the same transaction is run again.
pub const WRITE_CONFLICT: &str = "WRITE_CONFLICT";

/// How long the caller of a service should wait after it: whoever was faster needs a moment to end.
pub const RETRY_CONFLICT: Duration = Duration::from_millis(20);

/// Somebody has to make room on a full disk first; asking every second helps nobody.
const RETRY_FULL: Duration = Duration::from_secs(30);

/// Turns a database failure into ours: `.db()?` at the end of a query.
pub trait IntoError<T> {
    /// The value, or the failure as [`classify`] sees it.
    fn db(self) -> Result<T, Error>;
}

impl<T> IntoError<T> for Result<T, DbErr> {
    fn db(self) -> Result<T, Error> {
        self.map_err(classify)
    }
}

/// Whether running the same transaction again may succeed.
pub fn is_write_conflict(error: &Error) -> bool {
    error.kind() == ErrorKind::Aborted && error.reason() == WRITE_CONFLICT
}

/// The kind behind a database failure. The cause goes inside, without the values that it may quote.
#[expect(
    clippy::needless_pass_by_value,
    reason = "so that it can be given to map_err as it is"
)]
pub fn classify(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => {
            return Error::new(ErrorKind::AlreadyExists, "ALREADY_EXISTS", "it exists already")
                .because(Cause::of(&error));
        }
        Some(SqlErr::ForeignKeyConstraintViolation(_)) => {
            return Error::new(
                ErrorKind::FailedPrecondition,
                "REFERENCE_MISSING",
                "it refers to something that does not exist, or is still referred to",
            )
            .because(Cause::of(&error));
        }
        _ => {}
    }
    match condition(&error) {
        Condition::Conflict => Error::new(
            ErrorKind::Aborted,
            WRITE_CONFLICT,
            "another change to the same data was faster; read again, then try again",
        )
        .retry_after(RETRY_CONFLICT)
        .because(Cause::of(&error)),
        Condition::Full => Error::new(
            ErrorKind::Unavailable,
            "STORAGE_FULL",
            "the disk of the store is full: make room for it; nothing was changed",
        )
        .retry_after(RETRY_FULL)
        .because(Cause::of(&error)),
        Condition::Unreachable => Error::unavailable(Cause::of(&error)),
        Condition::Other => Error::internal(Cause::of(&error)),
    }
}

enum Condition {
    Conflict,
    Full,
    Unreachable,
    Other,
}

fn condition(error: &DbErr) -> Condition {
    let connecting = matches!(error, DbErr::Conn(_) | DbErr::ConnectionAcquire(_));
    let known = driver(error).map_or(Condition::Other, |driver| {
        code(driver).map_or_else(|| of_driver(driver), |code| of_code(&code))
    });
    match known {
        Condition::Other if connecting => Condition::Unreachable,
        known => known,
    }
}

fn of_driver(error: &SqlxError) -> Condition {
    match error {
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::Protocol(_)
        | SqlxError::PoolTimedOut
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed => Condition::Unreachable,
        _ => Condition::Other,
    }
}

/// PostgreSQL speaks in five characters (appendix A of its manual), SQLite in numbers whose lower byte is
/// the primary code (<https://www.sqlite.org/rescode.html>).
fn of_code(code: &str) -> Condition {
    if code.len() == 5 {
        return match code {
            // serialization failure, deadlock, lock timeout
            "40001" | "40P01" | "55P03" => Condition::Conflict,
            "53100" => Condition::Full,
            // cancelled by a timeout, shutting down, crashed, starting up, read-only standby
            "57014" | "57P01" | "57P02" | "57P03" | "25006" => Condition::Unreachable,
            // lost connections, resources that ran out, failures of the system around the database
            _ if ["08", "53", "58"].iter().any(|class| code.starts_with(class)) => Condition::Unreachable,
            _ => Condition::Other,
        };
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5) => Condition::Conflict,
        Ok(13) => Condition::Full,
        // out of memory, I/O failure, the file cannot be opened
        Ok(7 | 10 | 14) => Condition::Unreachable,
        _ => Condition::Other,
    }
}

fn driver(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(driver))
        | DbErr::Exec(RuntimeErr::SqlxError(driver))
        | DbErr::Query(RuntimeErr::SqlxError(driver)) => Some(driver),
        _ => None,
    }
}

fn code(error: &SqlxError) -> Option<String> {
    error.as_database_error()?.code().map(Cow::into_owned)
}

/// A database failure that is safe to log: of errors about a value (class 22 of PostgreSQL) and of values
/// that do not decode, only what kind of failure it was, since their text quotes the value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(String);

impl Cause {
    fn of(error: &DbErr) -> Self {
        let driver = driver(error);
        Self(match (error, driver, driver.and_then(code)) {
            (_, _, Some(code)) if code.len() == 5 && code.starts_with("22") => {
                format!("the database refused a value (code {code})")
            }
            (_, _, Some(code)) => format!("{error} (code {code})"),
            (_, Some(SqlxError::ColumnDecode { index, .. }), None) => {
                format!("column {index} does not hold what was expected")
            }
            (DbErr::Json(_), _, None) => "a JSON column does not hold what was expected".to_owned(),
            _ => error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_are_known_by_their_codes() {
        for code in ["40001", "40P01", "5", "517"] {
            assert!(matches!(of_code(code), Condition::Conflict), "{code}");
        }
        for code in ["1", "19", "2067", "42601", "23502"] {
            assert!(matches!(of_code(code), Condition::Other), "{code}");
        }
    }

    #[test]
    fn a_full_disk_says_so() {
        for code in ["53100", "13"] {
            assert!(matches!(of_code(code), Condition::Full), "{code}");
        }
    }

    #[test]
    fn a_store_in_trouble_says_nothing_about_the_request() {
        for code in ["08006", "53200", "53300", "58030", "7", "10", "266", "14"] {
            assert!(matches!(of_code(code), Condition::Unreachable), "{code}");
        }
    }

    #[test]
    fn a_pool_without_free_connections_is_unavailable() {
        let error = classify(DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout));
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.retry_delay().is_some());
    }
}
