//! Environment variables as a configuration layer.

use serde_json::{Map, Value};

use super::{ENV_PREFIX, invalid};
use crate::Error;

/// Suffix of a variable that names a file holding the value: how secrets are mounted.
const FILE_SUFFIX: &str = "_file";

/// Turns `CHAPPE__A__B_C=v` into `{"a":{"b_c":"v"}}`, and `…_FILE=path` into the file's content. What is text by default
/// stays text, also where it looks like a number.
pub(super) fn overlay(variables: impl IntoIterator<Item = (String, String)>, defaults: &Value) -> Result<Value, Error> {
    let mut root = Map::new();
    for (name, value) in variables {
        let Some(path) = name.strip_prefix(ENV_PREFIX) else {
            continue;
        };
        let mut keys: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
        let last = keys.pop().filter(|last| !last.is_empty());
        let last = last.ok_or_else(|| invalid(format!("the variable {name} names no setting")))?;
        let (last, value) = if let Some(base) = last.strip_suffix(FILE_SUFFIX) {
            (base.to_owned(), Value::String(read(&name, &value)?))
        } else {
            let section = keys.iter().try_fold(defaults, |section, key| section.get(key));
            let default = section.and_then(|section| section.get(&last));
            let is_text = default.is_some_and(Value::is_string);
            let value = if is_text { Value::String(value) } else { scalar(value) };
            (last, value)
        };
        section(&mut root, &keys).insert(last, value);
    }
    Ok(Value::Object(root))
}

fn section<'a>(root: &'a mut Map<String, Value>, keys: &[String]) -> &'a mut Map<String, Value> {
    keys.iter().fold(root, |section, key| {
        let entry = section.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
        if !entry.is_object() {
            *entry = Value::Object(Map::new());
        }
        entry.as_object_mut().expect("made an object just above")
    })
}

/// Numbers and booleans by their look; everything else is text.
fn scalar(text: String) -> Value {
    match serde_json::from_str(&text) {
        Ok(value @ (Value::Bool(_) | Value::Number(_))) => value,
        _ => Value::String(text),
    }
}

fn read(name: &str, path: &str) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
        .map_err(|error| invalid(format!("{name} names the file {path}, which cannot be read: {error}")))
}
