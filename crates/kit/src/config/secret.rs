use std::{cell::Cell, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

/// What a masked secret prints as.
const MASK: &str = "***";

/// A setting that never shows itself: masked when printed and when serialized.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself. Each use of this is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was configured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "Secret(unset)"
        } else {
            "Secret(***)"
        })
    }
}

/// Anything but text is refused without being quoted.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("must be text; put quotes around it")),
        }
    }
}

thread_local! {
    static IN_CLEAR: Cell<bool> = const { Cell::new(false) };
}

/// Serializes secrets in clear inside `work`: only for handing defaults through the layers.
pub(super) fn in_clear<T>(work: impl FnOnce() -> T) -> T {
    IN_CLEAR.set(true);
    let result = work();
    IN_CLEAR.set(false);
    result
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = if self.0.is_empty() || IN_CLEAR.get() {
            &self.0
        } else {
            MASK
        };
        serializer.serialize_str(shown)
    }
}
