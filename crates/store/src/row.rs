use chappe_kit::{Error, Timestamp};
use sea_orm::{QueryResult, TryGetable};

use crate::IntoError as _;

/// Reads columns by name.
pub trait RowExt {
    /// The column's value. The type must be the column's own: `i64` for bigint, `Option` where it may be null.
    fn get<T: TryGetable>(&self, column: &str) -> Result<T, Error>;

    /// A bigint column of microseconds.
    fn time(&self, column: &str) -> Result<Timestamp, Error> {
        self.get(column).map(Timestamp::from_micros)
    }

    /// A bigint column of microseconds that may be null.
    fn opt_time(&self, column: &str) -> Result<Option<Timestamp>, Error> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_micros))
    }
}

impl RowExt for QueryResult {
    fn get<T: TryGetable>(&self, column: &str) -> Result<T, Error> {
        self.try_get("", column).db()
    }
}
