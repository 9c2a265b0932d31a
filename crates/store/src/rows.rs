use chappe_kit::{Error, Timestamp};
use sea_orm::{DbBackend, Value};
use uuid::Uuid;

use crate::cell::{Cell, Kind, array_literal, hex, push_json, uuid};

/// A table as a parameter: columns of equal length, so that one statement takes a whole batch.
///
/// PostgreSQL gets one array per column and joins them with `unnest`; SQLite gets one JSON array of rows and
/// reads it with `json_each`. Both travel as text, because that form of an array may hold nulls.
#[must_use]
pub struct Rows {
    len: usize,
    columns: Vec<Column>,
}

struct Column {
    name: &'static str,
    kind: Kind,
    cells: Vec<Option<Cell>>,
}

impl Rows {
    /// A table of `len` rows and no columns yet.
    pub fn new(len: usize) -> Self {
        Self {
            len,
            columns: Vec::new(),
        }
    }

    /// A column of ids.
    pub fn uuids(self, name: &'static str, cells: impl IntoIterator<Item: Into<Uuid>>) -> Self {
        self.column(name, Kind::Uuid, cells.into_iter().map(|id| Some(uuid(id.into()))))
    }

    /// A column of ids that may be null.
    pub fn opt_uuids(self, name: &'static str, cells: impl IntoIterator<Item = Option<impl Into<Uuid>>>) -> Self {
        self.column(
            name,
            Kind::Uuid,
            cells.into_iter().map(|id| id.map(|id| uuid(id.into()))),
        )
    }

    /// A column of text.
    pub fn texts(self, name: &'static str, cells: impl IntoIterator<Item: Into<String>>) -> Self {
        self.column(
            name,
            Kind::Text,
            cells.into_iter().map(|text| Some(Cell::Text(text.into()))),
        )
    }

    /// A column of text that may be null.
    pub fn opt_texts(self, name: &'static str, cells: impl IntoIterator<Item = Option<impl Into<String>>>) -> Self {
        self.column(
            name,
            Kind::Text,
            cells.into_iter().map(|text| text.map(|text| Cell::Text(text.into()))),
        )
    }

    /// A bigint column.
    pub fn ints(self, name: &'static str, cells: impl IntoIterator<Item: Into<i64>>) -> Self {
        self.column(
            name,
            Kind::Int,
            cells.into_iter().map(|int| Some(Cell::Int(int.into()))),
        )
    }

    /// A bigint column that may be null.
    pub fn opt_ints(self, name: &'static str, cells: impl IntoIterator<Item = Option<impl Into<i64>>>) -> Self {
        self.column(
            name,
            Kind::Int,
            cells.into_iter().map(|int| int.map(|int| Cell::Int(int.into()))),
        )
    }

    /// A bigint column of instants in microseconds.
    pub fn times(self, name: &'static str, cells: impl IntoIterator<Item = Timestamp>) -> Self {
        self.ints(name, cells.into_iter().map(Timestamp::micros))
    }

    /// A bigint column of instants in microseconds that may be null.
    pub fn opt_times(self, name: &'static str, cells: impl IntoIterator<Item = Option<Timestamp>>) -> Self {
        self.opt_ints(name, cells.into_iter().map(|at| at.map(Timestamp::micros)))
    }

    /// A boolean column.
    pub fn bools(self, name: &'static str, cells: impl IntoIterator<Item = bool>) -> Self {
        self.column(name, Kind::Bool, cells.into_iter().map(|yes| Some(Cell::Bool(yes))))
    }

    /// A boolean column that may be null.
    pub fn opt_bools(self, name: &'static str, cells: impl IntoIterator<Item = Option<bool>>) -> Self {
        self.column(name, Kind::Bool, cells.into_iter().map(|yes| yes.map(Cell::Bool)))
    }

    /// A column of bytes.
    pub fn bytes(self, name: &'static str, cells: impl IntoIterator<Item: AsRef<[u8]>>) -> Self {
        self.column(
            name,
            Kind::Bytes,
            cells.into_iter().map(|bytes| Some(hex(bytes.as_ref()))),
        )
    }

    /// A column of bytes that may be null.
    pub fn opt_bytes(self, name: &'static str, cells: impl IntoIterator<Item = Option<impl AsRef<[u8]>>>) -> Self {
        self.column(
            name,
            Kind::Bytes,
            cells.into_iter().map(|bytes| bytes.map(|bytes| hex(bytes.as_ref()))),
        )
    }

    /// A column of JSON documents: values, or text that is known to be JSON.
    pub fn json(self, name: &'static str, cells: impl IntoIterator<Item: ToString>) -> Self {
        self.column(
            name,
            Kind::Json,
            cells.into_iter().map(|json| Some(Cell::Text(json.to_string()))),
        )
    }

    /// A column of JSON documents that may be null.
    pub fn opt_json(self, name: &'static str, cells: impl IntoIterator<Item = Option<impl ToString>>) -> Self {
        self.column(
            name,
            Kind::Json,
            cells
                .into_iter()
                .map(|json| json.map(|json| Cell::Text(json.to_string()))),
        )
    }

    fn column(mut self, name: &'static str, kind: Kind, cells: impl Iterator<Item = Option<Cell>>) -> Self {
        let mut column = Vec::with_capacity(self.len);
        column.extend(cells);
        self.columns.push(Column {
            name,
            kind,
            cells: column,
        });
        self
    }

    /// The table as a parenthesised query, its data bound with `number`.
    pub(crate) fn render(self, backend: DbBackend, number: impl FnMut(Value) -> String) -> Result<String, Error> {
        if let Some(column) = self.columns.iter().find(|column| column.cells.len() != self.len) {
            let (name, has) = (column.name, column.cells.len());
            return Err(Error::internal(format!(
                "column {name} has {has} cells in a table of {} rows",
                self.len
            )));
        }
        Ok(match backend {
            DbBackend::Postgres => self.unnest(number),
            _ => self.json_each(number),
        })
    }

    fn unnest(self, mut number: impl FnMut(Value) -> String) -> String {
        let (mut selected, mut arrays, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for column in self.columns {
            let (name, kind) = (column.name, column.kind);
            arrays.push(format!(
                "{}::text::{}[]",
                number(array_literal(kind, &column.cells).into()),
                kind.postgres()
            ));
            names.push(name);
            selected.push(match kind {
                Kind::Json => format!("{name}::jsonb as {name}"),
                _ => name.to_owned(),
            });
        }
        format!(
            "(select {} from unnest({}) as t({}))",
            selected.join(", "),
            arrays.join(", "),
            names.join(", ")
        )
    }

    fn json_each(self, mut number: impl FnMut(Value) -> String) -> String {
        let mut json = String::from("[");
        for row in 0..self.len {
            json.push_str(if row == 0 { "[" } else { ",[" });
            for (index, column) in self.columns.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                push_json(&mut json, column.cells[row].as_ref());
            }
            json.push(']');
        }
        json.push(']');
        let selected: Vec<_> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| match column.kind {
                Kind::Uuid | Kind::Bytes => format!("unhex(value ->> {index}) as {}", column.name),
                _ => format!("value ->> {index} as {}", column.name),
            })
            .collect();
        format!(
            "(select {} from json_each({}))",
            selected.join(", "),
            number(json.into())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_the_wrong_length_is_an_error() {
        let rows = Rows::new(2).ints("n", [1_i64]);
        assert!(rows.render(DbBackend::Sqlite, |_| String::new()).is_err());
    }
}
