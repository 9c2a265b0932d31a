//! Edits of one attribute, and how they meet what is stored.

use serde::{Deserialize, Serialize};

use crate::{Attributes, Value};

/// The most strings an array holds after an edit.
pub const MAX_ARRAY_ITEMS: usize = 25;

/// The most custom attributes one profile stores; native ones do not count.
pub const MAX_CUSTOM_ATTRIBUTES: usize = 500;

/// What to do to one attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AttributeEdit {
    /// Store this value, whatever was there.
    #[serde(rename = "s")]
    Set(Value),
    /// Delete the attribute, whatever its type.
    #[serde(rename = "d")]
    Remove,
    /// Append to and take from an array of strings, in this order.
    #[serde(rename = "p")]
    Patch {
        /// What to append, where it is missing.
        #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
        add: Vec<String>,
        /// What to take away; a value on both sides ends absent.
        #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
        remove: Vec<String>,
    },
}

/// What became of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Applied {
    /// The attribute has another value now, or is gone.
    Changed,
    /// It was already so.
    Unchanged,
    /// Dropped: the name is new and the profile holds [`MAX_CUSTOM_ATTRIBUTES`] custom attributes.
    Full,
}

impl Applied {
    /// Whether the attributes differ from before.
    pub fn changed(self) -> bool {
        self == Self::Changed
    }
}

/// Applies one edit to the attribute of that name, folded or native.
pub fn apply(attributes: &mut Attributes, name: &str, edit: AttributeEdit) -> Applied {
    let stored = attributes.get(name);
    let next = match edit {
        AttributeEdit::Set(value) => Some(value),
        AttributeEdit::Remove => None,
        AttributeEdit::Patch { add, remove } => patched(stored, add, &remove),
    };
    if stored == next.as_ref() {
        return Applied::Unchanged;
    }
    match next {
        Some(_) if stored.is_none() && is_custom(name) && is_full(attributes) => return Applied::Full,
        Some(value) => attributes.insert(name.to_owned(), value),
        None => attributes.remove(name),
    };
    Applied::Changed
}

/// The array after a patch; `None` where nothing is left of it.
fn patched(stored: Option<&Value>, add: Vec<String>, remove: &[String]) -> Option<Value> {
    let mut items = match stored {
        Some(Value::Array(items)) => items.clone(),
        _ => Vec::new(),
    };
    for item in add {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    items.truncate(MAX_ARRAY_ITEMS);
    items.retain(|item| !remove.contains(item));
    (!items.is_empty()).then_some(Value::Array(items))
}

fn is_custom(name: &str) -> bool {
    !name.starts_with('$')
}

fn is_full(attributes: &Attributes) -> bool {
    attributes.keys().filter(|name| is_custom(name)).count() >= MAX_CUSTOM_ATTRIBUTES
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn strings(items: &[&str]) -> Vec<String> {
        items.iter().map(|&item| item.to_owned()).collect()
    }

    fn patch(add: &[&str], remove: &[&str]) -> AttributeEdit {
        AttributeEdit::Patch {
            add: strings(add),
            remove: strings(remove),
        }
    }

    /// Applies a patch to an attribute that holds `stored`, and gives back what it holds afterwards.
    fn after(stored: Option<Value>, edit: AttributeEdit) -> (Applied, Option<Value>) {
        let mut attributes: Attributes = stored.map(|value| ("x".to_owned(), value)).into_iter().collect();
        let applied = apply(&mut attributes, "x", edit);
        (applied, attributes.remove("x"))
    }

    fn array(items: &[&str]) -> Value {
        Value::Array(strings(items))
    }

    #[test]
    fn the_last_writer_wins_and_a_new_type_replaces_the_old() {
        let set = AttributeEdit::Set(Value::Float(5.0));
        assert_eq!(
            after(Some(Value::Integer(5)), set),
            (Applied::Changed, Some(Value::Float(5.0)))
        );
    }

    #[test]
    fn setting_what_is_there_and_removing_what_is_not_change_nothing() {
        let set = AttributeEdit::Set(Value::Integer(5));
        assert_eq!(after(Some(Value::Integer(5)), set).0, Applied::Unchanged);
        assert_eq!(after(None, AttributeEdit::Remove).0, Applied::Unchanged);
        assert_eq!(after(Some(array(&["a"])), patch(&["a"], &["b"])).0, Applied::Unchanged);
    }

    #[test]
    fn a_removal_deletes_whatever_the_type() {
        assert_eq!(
            after(Some(array(&["a"])), AttributeEdit::Remove),
            (Applied::Changed, None)
        );
    }

    #[test]
    fn a_patch_appends_what_is_missing_in_order_then_takes_away() {
        let (_, value) = after(Some(array(&["b", "a"])), patch(&["c", "b", "c", "d"], &["a"]));
        assert_eq!(value, Some(array(&["b", "c", "d"])));
    }

    #[test]
    fn a_patch_of_an_absent_attribute_starts_from_nothing() {
        assert_eq!(after(None, patch(&["a"], &[])), (Applied::Changed, Some(array(&["a"]))));
        assert_eq!(after(None, patch(&[], &["a"])), (Applied::Unchanged, None));
    }

    #[test]
    fn a_patch_of_another_type_starts_from_nothing_so_that_an_empty_result_deletes_it() {
        let stored = || Some(Value::String("a".to_owned()));
        assert_eq!(
            after(stored(), patch(&["b"], &[])),
            (Applied::Changed, Some(array(&["b"])))
        );
        assert_eq!(after(stored(), patch(&[], &["b"])), (Applied::Changed, None));
    }

    #[test]
    fn a_value_on_both_sides_ends_absent() {
        assert_eq!(
            after(Some(array(&["a"])), patch(&["b"], &["b"])),
            (Applied::Unchanged, Some(array(&["a"])))
        );
    }

    #[test]
    fn equality_of_items_is_exact() {
        let (_, value) = after(Some(array(&["a"])), patch(&["A"], &["a "]));
        assert_eq!(value, Some(array(&["a", "A"])));
    }

    #[test]
    fn the_first_twenty_five_stay_and_the_cut_comes_before_the_removal() {
        let numbers: Vec<String> = (0..25).map(|n| n.to_string()).collect();
        let (_, value) = after(Some(Value::Array(numbers.clone())), patch(&["late"], &["0"]));
        assert_eq!(value, Some(Value::Array(numbers[1..].to_vec())));
    }

    #[test]
    fn an_emptied_array_is_deleted() {
        assert_eq!(after(Some(array(&["a"])), patch(&[], &["a"])), (Applied::Changed, None));
    }

    #[test]
    fn a_full_profile_takes_no_new_custom_name_but_everything_else() {
        let mut attributes: Attributes = (0..MAX_CUSTOM_ATTRIBUTES)
            .map(|n| (format!("a{n}"), Value::Boolean(true)))
            .collect();
        let set = || AttributeEdit::Set(Value::String("x".to_owned()));
        assert_eq!(apply(&mut attributes, "new", set()), Applied::Full);
        assert_eq!(apply(&mut attributes, "new", patch(&["a"], &[])), Applied::Full);
        assert!(!attributes.contains_key("new"));
        assert_eq!(apply(&mut attributes, "$language", set()), Applied::Changed);
        assert_eq!(apply(&mut attributes, "a0", set()), Applied::Changed);
        assert_eq!(apply(&mut attributes, "a1", AttributeEdit::Remove), Applied::Changed);
        assert_eq!(apply(&mut attributes, "new", set()), Applied::Changed);
    }

    #[test]
    fn edits_are_stored_compactly() {
        for (edit, stored) in [
            (AttributeEdit::Set(Value::Float(1.0)), json!({"s": {"f": 1.0}})),
            (AttributeEdit::Remove, json!("d")),
            (patch(&["a"], &[]), json!({"p": {"a": ["a"]}})),
            (patch(&["a"], &["b"]), json!({"p": {"a": ["a"], "r": ["b"]}})),
        ] {
            assert_eq!(serde_json::to_value(&edit).unwrap(), stored);
            assert_eq!(serde_json::from_value::<AttributeEdit>(stored).unwrap(), edit);
        }
    }
}
