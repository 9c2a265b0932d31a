//! Field names: which value, as which type.

use super::Mode;
use crate::{
    CUSTOM_ID, LABEL, Name, Native, TAGS,
    name::split_wrapper,
    query::ast::{Field, Source, StoredAs},
};

/// What the wrapper of a field makes of its conditions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// All the operators.
    Plain,
    /// `age(x)`: orders against a length of time.
    Age,
    /// `birthday(x)`: today or not.
    Birthday,
}

/// Prefixes some clients put before names; all attributes are in one store, so they mean nothing.
const IGNORED_PREFIXES: [&str; 4] = ["c.", "u.", "t.", "ut."];

pub(super) fn parse(key: &str, mode: Mode) -> Result<(Field, Form), String> {
    if key.starts_with('$') {
        let field = Field {
            source: dollar(key, mode)?,
            stored_as: StoredAs::Any,
        };
        return Ok((field, Form::Plain));
    }
    let (stored_as, form, name) = match split_wrapper(key) {
        None => (StoredAs::Any, Form::Plain, key),
        Some(("date", name)) => (StoredAs::Date, Form::Plain, name),
        Some(("url", name)) => (StoredAs::Url, Form::Plain, name),
        Some(("age", name)) => (StoredAs::Date, Form::Age, name),
        Some(("birthday", name)) => (StoredAs::Date, Form::Birthday, name),
        Some(_) => return Err("the wrappers are date(), url(), age() and birthday()".to_owned()),
    };
    let path = match mode {
        Mode::Profile => vec![Name::parse(without_prefix(&name.to_ascii_lowercase()))],
        Mode::Event | Mode::Element => name.split('.').map(Name::parse).collect(),
    };
    let path: Result<Vec<String>, _> = path.into_iter().map(|name| name.map(Name::into_string)).collect();
    let source = path.map(Source::Attribute).map_err(|invalid| invalid.to_string())?;
    Ok((Field { source, stored_as }, form))
}

fn dollar(key: &str, mode: Mode) -> Result<Source, String> {
    let known = match mode {
        Mode::Profile => key == CUSTOM_ID || Native::from_name(key).is_some(),
        Mode::Event => key == LABEL || key == TAGS,
        Mode::Element => false,
    };
    match key {
        _ if !known => Err(format!("{key} is no operator here and no native attribute")),
        CUSTOM_ID => Ok(Source::CustomId),
        _ => Ok(Source::Attribute(vec![key.to_owned()])),
    }
}

fn without_prefix(name: &str) -> &str {
    let bare = IGNORED_PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix));
    bare.unwrap_or(name)
}
