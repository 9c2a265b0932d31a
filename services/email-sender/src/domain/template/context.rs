//! What a template reads: the profile, the event, and the message's own unsubscribe page.

use std::sync::Arc;

use chappe_query::{Attributes, Native, Value as Stored};
use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, Value};

use super::operators::Instant;

/// The data behind one message. Names are looked up when they are used, so nothing is copied that is not printed.
#[derive(Debug)]
pub(crate) struct Context {
    /// Attributes of the profile by folded name.
    pub(crate) attributes: Attributes,
    /// Custom id of the profile, empty without one.
    pub(crate) custom_id: String,
    /// Name of the entry event.
    pub(crate) event_name: String,
    /// Its attributes.
    pub(crate) event: Attributes,
    /// The unsubscribe page of this message.
    pub(crate) unsubscribe_url: String,
}

impl Context {
    /// The text of a native attribute.
    pub(crate) fn native(&self, native: Native) -> Option<&str> {
        self.attributes.get(native.name())?.as_str()
    }

    pub(super) fn into_value(self: Arc<Self>) -> Value {
        Value::from_dyn_object(DynObject::new(self))
    }
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        match key {
            "A_custom_id" | "D_custom_id" => Some(Value::from(self.custom_id.as_str())),
            "D_unsubscribe_url" => Some(Value::from(self.unsubscribe_url.as_str())),
            "E_name" => Some(Value::from(self.event_name.as_str())),
            "E" => Some(Value::from_object(Members(self.event.clone()))),
            _ if key.starts_with("A_") => self.attributes.get(&key[2..]).map(value),
            _ if key.starts_with("D_") => {
                let name = format!("${}", &key[2..]);
                Native::from_name(&name)?;
                self.attributes.get(&name).map(value)
            }
            _ => None,
        }
    }
}

/// An object of an event.
#[derive(Debug)]
pub(super) struct Members(Attributes);

impl Object for Members {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?).map(value)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|key| Value::from(key.as_str())).collect())
    }
}

fn value(stored: &Stored) -> Value {
    match stored {
        Stored::String(text) | Stored::Url(text) => Value::from(text.as_str()),
        Stored::Integer(number) => Value::from(*number),
        Stored::Float(number) => Value::from(*number),
        Stored::Boolean(truth) => Value::from(*truth),
        Stored::Date(micros) => Value::from_object(Instant(*micros)),
        Stored::Array(items) => items.iter().map(|item| Value::from(item.as_str())).collect(),
        Stored::Object(members) => Value::from_object(Members(members.clone())),
        Stored::Objects(list) => list.iter().map(|it| Value::from_object(Members(it.clone()))).collect(),
    }
}
