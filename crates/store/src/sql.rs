use std::collections::BTreeMap;

use chappe_kit::Error;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, QueryResult, Statement, Value};

use crate::{IntoError as _, Rows};

/// One statement for both engines, with named parameters.
///
/// `{name}` in the text stands for the value or the rows bound under that name, and may stand there more
/// than once. Braces around anything else are left alone, so `'{}'` is an empty JSON object.
///
/// `{db_now}` is the time of the database in microseconds, as of the beginning of the statement. Leases are granted,
/// renewed and ended by it alone: replicas agree about it, and about their own clocks they do not.
///
/// ```ignore
/// Sql::new(
///     "insert into events (project_id, event_id, name)
///      select {project}, r.event_id, r.name from {rows} as r where true
///      on conflict (project_id, event_id) do nothing returning event_id",
/// )
/// .bind("project", project)
/// .rows("rows", Rows::new(events.len()).uuids("event_id", …).texts("name", …))
/// .all(txn)
/// .await?
/// ```
///
/// An `insert … select` with `on conflict` needs a `where`, if only `where true`: without it SQLite reads the
/// `on` as that of a join.
#[must_use]
pub struct Sql {
    text: &'static str,
    parameters: BTreeMap<&'static str, Parameter>,
}

enum Parameter {
    Value(Value),
    Rows(Rows),
}

impl Sql {
    /// A statement. Its text is fixed: whatever varies is bound.
    pub fn new(text: &'static str) -> Self {
        Self {
            text,
            parameters: BTreeMap::new(),
        }
    }

    /// Binds one value. An `Option` without a value is a typed null.
    pub fn bind(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.parameters.insert(name, Parameter::Value(value.into()));
        self
    }

    /// Binds rows: in the text, `from {name} as r` with the alias of your choice.
    pub fn rows(mut self, name: &'static str, rows: Rows) -> Self {
        self.parameters.insert(name, Parameter::Rows(rows));
        self
    }

    /// Runs it and tells how many rows it changed.
    pub async fn execute(self, txn: &DatabaseTransaction) -> Result<u64, Error> {
        let statement = self.build(txn.get_database_backend())?;
        Ok(txn.execute_raw(statement).await.db()?.rows_affected())
    }

    /// Runs it and gives back every row.
    pub async fn all(self, conn: &impl ConnectionTrait) -> Result<Vec<QueryResult>, Error> {
        let statement = self.build(conn.get_database_backend())?;
        conn.query_all_raw(statement).await.db()
    }

    /// Runs it and gives back the first row, if there is one.
    pub async fn one(self, conn: &impl ConnectionTrait) -> Result<Option<QueryResult>, Error> {
        let statement = self.build(conn.get_database_backend())?;
        conn.query_one_raw(statement).await.db()
    }

    /// The statement in an engine's own words, for what the three ways to run it do not cover.
    pub fn build(mut self, backend: DbBackend) -> Result<Statement, Error> {
        let mut built = Built::new(backend);
        let mut rest = self.text;
        while let Some((before, name, after)) = next_placeholder(rest) {
            built.sql.push_str(before);
            if name == DB_NOW {
                built.sql.push_str(db_now(backend));
            } else if let Some(rendered) = built.rendered.get(name) {
                built.sql.push_str(rendered);
            } else {
                let parameter = self.parameters.remove(name).ok_or_else(|| unbound(name))?;
                built.push(name, parameter)?;
            }
            rest = after;
        }
        built.sql.push_str(rest);
        match self.parameters.keys().next() {
            None => Ok(Statement::from_sql_and_values(backend, built.sql, built.values)),
            Some(name) => Err(Error::internal(format!(
                "the statement does not use its parameter {name}"
            ))),
        }
    }
}

/// The placeholder of the database's own time.
const DB_NOW: &str = "db_now";

/// Stable within a statement, so that it may be compared with an index.
const fn db_now(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "cast(extract(epoch from statement_timestamp()) * 1000000 as bigint)",
        _ => "cast(unixepoch('subsec') * 1000000 as integer)",
    }
}

fn unbound(name: &str) -> Error {
    Error::internal(format!("nothing is bound to {{{name}}} of the statement"))
}

struct Built {
    backend: DbBackend,
    sql: String,
    values: Vec<Value>,
    rendered: BTreeMap<&'static str, String>,
}

impl Built {
    fn new(backend: DbBackend) -> Self {
        Self {
            backend,
            sql: String::new(),
            values: Vec::new(),
            rendered: BTreeMap::new(),
        }
    }

    fn push(&mut self, name: &'static str, parameter: Parameter) -> Result<(), Error> {
        let rendered = match parameter {
            Parameter::Value(value) => self.number(value),
            Parameter::Rows(rows) => rows.render(self.backend, |value| self.number(value))?,
        };
        self.sql.push_str(&rendered);
        self.rendered.insert(name, rendered);
        Ok(())
    }

    fn number(&mut self, value: Value) -> String {
        self.values.push(value);
        let sign = if self.backend == DbBackend::Postgres { '$' } else { '?' };
        format!("{sign}{}", self.values.len())
    }
}

/// The text before the first `{name}`, the name, and the text after it.
fn next_placeholder(text: &'static str) -> Option<(&'static str, &'static str, &'static str)> {
    text.match_indices('{').find_map(|(start, _)| {
        let (name, after) = text[start + 1..].split_once('}')?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        is_name.then(|| (&text[..start], name, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_used_twice_is_bound_once() {
        let sql = || Sql::new("select {a}, {b}, {a}, '{}'").bind("a", 1_i64).bind("b", "x");
        let postgres = sql().build(DbBackend::Postgres).unwrap();
        assert_eq!(postgres.sql, "select $1, $2, $1, '{}'");
        let sqlite = sql().build(DbBackend::Sqlite).unwrap();
        assert_eq!(sqlite.sql, "select ?1, ?2, ?1, '{}'");
        assert_eq!(sqlite.values.unwrap().0.len(), 2);
    }

    #[test]
    fn a_forgotten_parameter_is_an_error() {
        assert!(Sql::new("select {a}").build(DbBackend::Sqlite).is_err());
    }

    #[test]
    fn a_parameter_without_use_is_an_error() {
        assert!(Sql::new("select 1").bind("a", 1_i64).build(DbBackend::Sqlite).is_err());
    }
}
