//! Fields of JSON objects, with the path of whatever is wrong.

use chappe_kit::Error;
use serde_json::{Map, Value as Json};

use crate::failure::{malformed, missing};

/// A JSON object and where it stands in the body.
pub(crate) struct Fields<'a> {
    path: String,
    object: &'a Map<String, Json>,
}

impl<'a> Fields<'a> {
    /// The body itself.
    pub(crate) fn of_body(body: &'a Json) -> Result<Self, Error> {
        Self::of("", body)
    }

    fn of(path: &str, json: &'a Json) -> Result<Self, Error> {
        let object = json.as_object();
        let object =
            object.ok_or_else(|| malformed(if path.is_empty() { "body" } else { path }, "must be an object"))?;
        Ok(Self {
            path: path.to_owned(),
            object,
        })
    }

    /// Path of one of the fields.
    pub(crate) fn path(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The field, unless it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Json> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn required(&self, key: &str) -> Result<&'a Json, Error> {
        self.get(key).ok_or_else(|| missing(&self.path(key)))
    }

    /// A required string that is not empty.
    pub(crate) fn string(&self, key: &str) -> Result<&'a str, Error> {
        let text = self.required(key)?.as_str().filter(|text| !text.is_empty());
        text.ok_or_else(|| malformed(&self.path(key), "must be a string that is not empty"))
    }

    /// A required string out of a few.
    pub(crate) fn one_of<T: Copy>(&self, key: &str, known: &[(&str, T)]) -> Result<T, Error> {
        let text = self.string(key)?;
        let found = known.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            malformed(&self.path(key), &format!("must be one of {}", names.join(", ")))
        })
    }

    /// A boolean; `false` when absent.
    pub(crate) fn flag(&self, key: &str) -> Result<bool, Error> {
        let value = self.get(key).unwrap_or(&Json::Bool(false));
        value
            .as_bool()
            .ok_or_else(|| malformed(&self.path(key), "must be true or false"))
    }

    /// A required object.
    pub(crate) fn fields(&self, key: &str) -> Result<Self, Error> {
        Self::of(&self.path(key), self.required(key)?)
    }

    /// A required array of objects.
    pub(crate) fn list(&self, key: &str) -> Result<Vec<Self>, Error> {
        let path = self.path(key);
        let items = self.required(key)?.as_array();
        let items = items.ok_or_else(|| malformed(&path, "must be an array"))?;
        items
            .iter()
            .enumerate()
            .map(|(at, item)| Self::of(&format!("{path}[{at}]"), item))
            .collect()
    }

    /// The object itself.
    pub(crate) fn object(&self) -> &'a Map<String, Json> {
        self.object
    }
}
