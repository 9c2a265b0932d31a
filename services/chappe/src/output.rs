//! Results on stdout, for people and for scripts.

use std::io::{self, Write as _};

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Map, Value};

use crate::cli::Form;

/// Prints a result: as it is for scripts, as the table that `rows` makes of it for people.
pub(crate) fn print(form: Form, result: &Value, table: impl FnOnce(&Value) -> Table) -> Result<()> {
    match form {
        Form::Json => line(&serde_json::to_string(result)?),
        Form::Yaml => write(&yaml(result)),
        Form::Table => line(&table(result).to_string()),
    }
}

/// A line on stdout.
pub(crate) fn line(text: &str) -> Result<()> {
    write(&format!("{text}\n"))
}

/// Text on stdout. A reader that has seen enough, such as `head`, is no failure.
pub(crate) fn write(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// An empty table with these columns, in the manner of kubectl: no lines, and titles in capitals.
pub(crate) fn table<'a>(columns: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // In a file or a pipe, a row is a line.
    if let Some((_rows, columns)) = console::Term::stdout().size_checked() {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(columns);
    }
    table.set_header(columns.into_iter().map(|title| title.replace('_', " ").to_uppercase()));
    table
}

/// One line per member of an object, and per item of a list.
pub(crate) fn members(object: &Value) -> Table {
    let mut table = table(["what", "value"]);
    for (key, value) in object.as_object().into_iter().flatten() {
        let mut key = key.replace('_', " ");
        match value.as_array().filter(|items| !items.is_empty()) {
            None => drop(table.add_row([key, cell(value)])),
            Some(items) => {
                for item in items {
                    table.add_row([std::mem::take(&mut key), cell(item)]);
                }
            }
        }
    }
    table
}

/// A value for a cell: text without quotes, lists with commas.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            let pairs = members.iter().map(|(key, value)| format!("{key} {}", cell(value)));
            pairs.collect::<Vec<_>>().join(", ")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Block YAML (1.2). Scalars are written as JSON writes them, which YAML reads alike.
pub(crate) fn yaml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => mapping(&mut text, members, 0),
        Value::Array(items) if !items.is_empty() => sequence(&mut text, items, 0),
        _ => text = format!("{value}\n"),
    }
    text
}

fn mapping(text: &mut String, members: &Map<String, Value>, indent: usize) {
    for (key, value) in members {
        text.push_str(&" ".repeat(indent));
        text.push_str(&plain(key));
        text.push(':');
        nested(text, value, indent + 2);
    }
}

fn sequence(text: &mut String, items: &[Value], indent: usize) {
    for item in items {
        text.push_str(&" ".repeat(indent));
        text.push('-');
        nested(text, item, indent + 2);
    }
}

fn nested(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('\n');
            mapping(text, members, indent);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            sequence(text, items, indent);
        }
        _ => text.extend([" ", &value.to_string(), "\n"]),
    }
}

/// A key without quotes where that cannot be misread.
fn plain(key: &str) -> String {
    let simple = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let reserved =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&key.to_ascii_lowercase().as_str());
    if simple && !reserved {
        key.to_owned()
    } else {
        Value::from(key).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_item_of_a_list_has_its_line() {
        let table = members(&json!({"state": "HELD", "brakes": ["ratio: a, b", "clock: c"], "none": []}));
        let lines: Vec<_> = table.lines().map(|line| line.trim().to_owned()).collect();
        assert_eq!(lines.len(), 5);
        assert!(
            lines[2].starts_with("brakes") && lines[2].ends_with("ratio: a, b"),
            "{table}"
        );
        assert_eq!(lines[3], "clock: c");
    }

    #[test]
    fn yaml_reads_back_as_what_was_printed() {
        let value = json!({
            "plain": "text: with # marks", "empty": {}, "none": [], "list": [1, {"a": true, "b": [null]}, ["x"]],
            "on": "off", "weird key": 1.5
        });
        let read: Value = <figment::providers::Yaml as figment::providers::Format>::from_str(&yaml(&value)).unwrap();
        assert_eq!(read, value);
    }
}
