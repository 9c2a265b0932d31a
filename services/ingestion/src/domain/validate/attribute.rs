//! One attribute of a profile.

use chappe_proto::types::{RawObject, raw_value::Kind};
use chappe_query::{AttributeEdit, MAX_ARRAY_ITEMS, Name, Native, Value, split_wrapper};

use super::{native, value};
use crate::domain::reason::Reason;

/// The folded name and the change that a key and its value stand for.
pub(super) fn check(key: &str, kind: Option<Kind>, identified: bool) -> Result<(String, AttributeEdit), Reason> {
    if key.starts_with('$') {
        let native = Native::from_name(key).ok_or(Reason::UnknownNative)?;
        return Ok((key.to_owned(), native::check(native, kind, identified)?));
    }
    let (wrapper, name) = match split_wrapper(key) {
        Some((wrapper, name)) => (Some(wrapper), name),
        None => (None, key),
    };
    if !matches!(wrapper, None | Some("date" | "url")) {
        return Err(Reason::AttributeName);
    }
    let name = Name::parse(name).map_err(|_| Reason::AttributeName)?.into_string();
    let Some(kind) = kind else {
        return Ok((name, AttributeEdit::Remove));
    };
    let edit = match wrapper {
        Some("date") => AttributeEdit::Set(value::date(kind)?),
        Some(_) => AttributeEdit::Set(value::url(kind)?),
        None => custom(kind)?,
    };
    Ok((name, edit))
}

fn custom(kind: Kind) -> Result<AttributeEdit, Reason> {
    if let Some(scalar) = value::scalar(&kind) {
        return scalar.map(AttributeEdit::Set);
    }
    match kind {
        Kind::ListValue(list) => {
            let items = value::strings(list.items).ok_or(Reason::ArrayLength)?;
            if items.is_empty() || items.len() > MAX_ARRAY_ITEMS {
                return Err(Reason::ArrayLength);
            }
            Ok(AttributeEdit::Set(Value::Array(distinct(checked(items)?))))
        }
        Kind::ObjectValue(object) => patch(object, |item| value::text(item, Reason::ArrayItemLength)),
        _ => Err(Reason::ValueType),
    }
}

/// `{"$add": […], "$remove": […]}` with one or both sides; an empty side counts as absent.
pub(super) fn patch(
    object: RawObject,
    item: impl Fn(String) -> Result<String, Reason>,
) -> Result<AttributeEdit, Reason> {
    let (mut add, mut remove) = (Vec::new(), Vec::new());
    for field in object.fields {
        let side = match field.key.as_str() {
            "$add" => &mut add,
            "$remove" => &mut remove,
            _ => return Err(Reason::ValueType),
        };
        let Some(Kind::ListValue(list)) = field.value.and_then(|value| value.kind) else {
            return Err(Reason::ValueType);
        };
        let items = value::strings(list.items).ok_or(Reason::ArrayLength)?;
        if items.len() > MAX_ARRAY_ITEMS {
            return Err(Reason::ArrayLength);
        }
        *side = items.into_iter().map(&item).collect::<Result<_, _>>()?;
    }
    if add.is_empty() && remove.is_empty() {
        return Err(Reason::ValueType);
    }
    Ok(AttributeEdit::Patch { add, remove })
}

fn checked(items: Vec<String>) -> Result<Vec<String>, Reason> {
    items
        .into_iter()
        .map(|item| value::text(item, Reason::ArrayItemLength))
        .collect()
}

/// The first of each, in order. At most 25 items, so that comparing all is cheaper than a set.
pub(super) fn distinct(items: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}
