//! The cells of one column of a table that travels as a parameter.

use std::fmt::Write as _;

use sea_orm::Value;
use uuid::Uuid;

pub(crate) enum Cells {
    Uuid(Vec<Option<Uuid>>),
    Text(Vec<Option<String>>),
    Int(Vec<Option<i64>>),
    Bool(Vec<Option<bool>>),
    Bytes(Vec<Option<Vec<u8>>>),
    /// Documents as text.
    Json(Vec<Option<String>>),
}

/// Runs the same expression over the cells, whatever they are.
macro_rules! each {
    ($cells:expr, $vec:ident => $result:expr) => {
        match $cells {
            Cells::Uuid($vec) => $result,
            Cells::Text($vec) | Cells::Json($vec) => $result,
            Cells::Int($vec) => $result,
            Cells::Bool($vec) => $result,
            Cells::Bytes($vec) => $result,
        }
    };
}

impl Cells {
    pub(crate) fn len(&self) -> usize {
        each!(self, cells => cells.len())
    }

    pub(crate) const fn are_json(&self) -> bool {
        matches!(self, Self::Json(_))
    }

    /// Whether JSON, which has no bytes, carries them as hexadecimal digits.
    pub(crate) const fn are_hex(&self) -> bool {
        matches!(self, Self::Uuid(_) | Self::Bytes(_))
    }

    /// The PostgreSQL type of [`Cells::into_array`]. JSON is cast document by document, after `unnest`.
    pub(crate) const fn array_type(&self) -> &'static str {
        match self {
            Self::Uuid(_) => "uuid[]",
            Self::Text(_) | Self::Json(_) => "text[]",
            Self::Int(_) => "bigint[]",
            Self::Bool(_) => "boolean[]",
            Self::Bytes(_) => "bytea[]",
        }
    }

    /// The cells, with anything in the place of a null.
    pub(crate) fn into_array(self) -> Value {
        each!(self, cells => cells.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().into())
    }

    /// Where the nulls are.
    pub(crate) fn nulls(&self) -> Value {
        each!(self, cells => cells.iter().map(Option::is_none).collect::<Vec<_>>().into())
    }

    pub(crate) fn push_json(&self, row: usize, json: &mut String) {
        let written = match self {
            Self::Uuid(cells) => push(json, cells[row], |json, id| write!(json, "\"{}\"", id.simple())),
            // The Display of a JSON value is its compact text.
            Self::Text(cells) | Self::Json(cells) => push(json, cells[row].as_deref(), |json, text| {
                write!(json, "{}", serde_json::Value::from(text))
            }),
            Self::Int(cells) => push(json, cells[row], |json, int| write!(json, "{int}")),
            Self::Bool(cells) => push(json, cells[row], |json, yes| write!(json, "{yes}")),
            Self::Bytes(cells) => push(json, cells[row].as_ref(), |json, bytes| {
                json.write_char('"')?;
                bytes.iter().try_for_each(|byte| write!(json, "{byte:02x}"))?;
                json.write_char('"')
            }),
        };
        written.expect("writing to a string does not fail");
    }
}

fn push<T>(
    json: &mut String,
    cell: Option<T>,
    write: impl FnOnce(&mut String, T) -> std::fmt::Result,
) -> std::fmt::Result {
    match cell {
        None => json.write_str("null"),
        Some(value) => write(json, value),
    }
}
