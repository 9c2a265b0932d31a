//! One cell of a table that travels as a parameter.

use std::fmt::Write as _;

use uuid::Uuid;

/// What a column holds.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Uuid,
    Text,
    Int,
    Bool,
    Bytes,
    Json,
}

/// What is not null; all else than numbers and truths as text.
pub(crate) enum Cell {
    Text(String),
    Int(i64),
    Bool(bool),
}

impl Kind {
    /// The element type of the array. JSON is cast document by document, after `unnest`.
    pub(crate) const fn postgres(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Text | Self::Json => "text",
            Self::Int => "bigint",
            Self::Bool => "boolean",
            Self::Bytes => "bytea",
        }
    }
}

pub(crate) fn uuid(id: Uuid) -> Cell {
    Cell::Text(id.simple().to_string())
}

pub(crate) fn hex(bytes: &[u8]) -> Cell {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
    }
    Cell::Text(text)
}

/// The text form of a PostgreSQL array: every element quoted, quotes and backslashes escaped.
pub(crate) fn array_literal(kind: Kind, cells: &[Option<Cell>]) -> String {
    let mut literal = String::from("{");
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            literal.push(',');
        }
        match cell {
            None => literal.push_str("NULL"),
            Some(Cell::Int(int)) => write!(literal, "{int}").expect("writing to a string does not fail"),
            Some(Cell::Bool(yes)) => literal.push(if *yes { 't' } else { 'f' }),
            Some(Cell::Text(text)) => {
                literal.push('"');
                if matches!(kind, Kind::Bytes) {
                    literal.push_str(r"\\x");
                }
                for char in text.chars() {
                    if matches!(char, '"' | '\\') {
                        literal.push('\\');
                    }
                    literal.push(char);
                }
                literal.push('"');
            }
        }
    }
    literal.push('}');
    literal
}

pub(crate) fn push_json(json: &mut String, cell: Option<&Cell>) {
    match cell {
        None => json.push_str("null"),
        Some(Cell::Int(int)) => write!(json, "{int}").expect("writing to a string does not fail"),
        Some(Cell::Bool(yes)) => json.push_str(if *yes { "true" } else { "false" }),
        Some(Cell::Text(text)) => {
            // The Display of a JSON value is its compact text.
            write!(json, "{}", serde_json::Value::from(text.as_str())).expect("writing to a string does not fail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_survive_the_array_form() {
        let cells = [
            Some(Cell::Text(r#"a"b\c,{}"#.to_owned())),
            None,
            Some(Cell::Text("NULL".to_owned())),
        ];
        assert_eq!(array_literal(Kind::Text, &cells), r#"{"a\"b\\c,{}",NULL,"NULL"}"#);
    }
}
