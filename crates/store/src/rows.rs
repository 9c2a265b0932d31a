use chappe_kit::{Error, Timestamp};
use sea_orm::{DbBackend, Value};
use uuid::Uuid;

use crate::cells::Cells;

/// A table as a parameter: columns of equal length, so that one statement takes a whole batch.
///
/// PostgreSQL gets one array per column and joins them with `unnest`; a column that may be null brings a second array
/// that tells where it is, for the driver knows no nulls in arrays. SQLite gets one JSON array of rows and reads it with
/// `json_each`.
#[must_use]
pub struct Rows {
    len: usize,
    columns: Vec<Column>,
}

struct Column {
    name: &'static str,
    nullable: bool,
    cells: Cells,
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
        let cells = cells.into_iter().map(|id| Some(id.into())).collect();
        self.column(name, false, Cells::Uuid(cells))
    }

    /// A column of ids that may be null.
    pub fn opt_uuids(self, name: &'static str, cells: impl IntoIterator<Item = Option<impl Into<Uuid>>>) -> Self {
        let cells = cells.into_iter().map(|id| id.map(Into::into)).collect();
        self.column(name, true, Cells::Uuid(cells))
    }

    /// A column of text.
    pub fn texts(self, name: &'static str, cells: impl IntoIterator<Item: Into<String>>) -> Self {
        let cells = cells.into_iter().map(|text| Some(text.into())).collect();
        self.column(name, false, Cells::Text(cells))
    }

    /// A column of text that may be null.
    pub fn opt_texts(self, name: &'static str, cells: impl IntoIterator<Item = Option<impl Into<String>>>) -> Self {
        let cells = cells.into_iter().map(|text| text.map(Into::into)).collect();
        self.column(name, true, Cells::Text(cells))
    }

    /// A bigint column.
    pub fn ints(self, name: &'static str, cells: impl IntoIterator<Item: Into<i64>>) -> Self {
        let cells = cells.into_iter().map(|int| Some(int.into())).collect();
        self.column(name, false, Cells::Int(cells))
    }

    /// A bigint column that may be null.
    pub fn opt_ints(self, name: &'static str, cells: impl IntoIterator<Item = Option<impl Into<i64>>>) -> Self {
        let cells = cells.into_iter().map(|int| int.map(Into::into)).collect();
        self.column(name, true, Cells::Int(cells))
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
        let cells = cells.into_iter().map(Some).collect();
        self.column(name, false, Cells::Bool(cells))
    }

    /// A boolean column that may be null.
    pub fn opt_bools(self, name: &'static str, cells: impl IntoIterator<Item = Option<bool>>) -> Self {
        self.column(name, true, Cells::Bool(cells.into_iter().collect()))
    }

    /// A column of bytes.
    pub fn bytes(self, name: &'static str, cells: impl IntoIterator<Item: AsRef<[u8]>>) -> Self {
        let cells = cells.into_iter().map(|bytes| Some(bytes.as_ref().to_vec())).collect();
        self.column(name, false, Cells::Bytes(cells))
    }

    /// A column of bytes that may be null.
    pub fn opt_bytes(self, name: &'static str, cells: impl IntoIterator<Item = Option<impl AsRef<[u8]>>>) -> Self {
        let cells = cells
            .into_iter()
            .map(|bytes| bytes.map(|bytes| bytes.as_ref().to_vec()));
        self.column(name, true, Cells::Bytes(cells.collect()))
    }

    /// A column of JSON documents: values, or text that is known to be JSON.
    pub fn json(self, name: &'static str, cells: impl IntoIterator<Item: ToString>) -> Self {
        let cells = cells.into_iter().map(|json| Some(json.to_string())).collect();
        self.column(name, false, Cells::Json(cells))
    }

    /// A column of JSON documents that may be null.
    pub fn opt_json(self, name: &'static str, cells: impl IntoIterator<Item = Option<impl ToString>>) -> Self {
        let cells = cells
            .into_iter()
            .map(|json| json.map(|json| json.to_string()))
            .collect();
        self.column(name, true, Cells::Json(cells))
    }

    fn column(mut self, name: &'static str, nullable: bool, cells: Cells) -> Self {
        self.columns.push(Column { name, nullable, cells });
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
        for Column { name, nullable, cells } in self.columns {
            let value = if cells.are_json() {
                format!("{name}::jsonb")
            } else {
                name.to_owned()
            };
            selected.push(if nullable {
                arrays.push(format!("{}::boolean[]", number(cells.nulls())));
                names.push(format!("{name}_is_null"));
                format!("case when {name}_is_null then null else {value} end as {name}")
            } else {
                format!("{value} as {name}")
            });
            let array_type = cells.array_type();
            arrays.push(format!("{}::{array_type}", number(cells.into_array())));
            names.push(name.to_owned());
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
                column.cells.push_json(row, &mut json);
            }
            json.push(']');
        }
        json.push(']');
        let columns = self.columns.iter().enumerate();
        let selected: Vec<_> = columns
            .map(|(index, column)| {
                if column.cells.are_hex() {
                    format!("unhex(value ->> {index}) as {}", column.name)
                } else {
                    format!("value ->> {index} as {}", column.name)
                }
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
