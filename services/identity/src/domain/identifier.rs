//! How a person is named.

use chappe_kit::keys::digest;
use chappe_proto::types;
use uuid::Uuid;

/// The kind of an identifier, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    CustomId = 1,
    Installation = 2,
}

/// A value of a kind, under the key by which it is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identifier {
    pub(crate) kind: Kind,
    pub(crate) hash: [u8; 32],
    pub(crate) value: String,
}

/// What a client wrote, checked.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) identifier: Identifier,
    /// The app that an installation claims to belong to.
    pub(crate) app_key: Option<String>,
}

impl Identifier {
    pub(crate) fn custom_id(value: String) -> Self {
        Self {
            kind: Kind::CustomId,
            hash: digest(value.as_bytes()),
            value,
        }
    }

    /// The value, if it is a custom id.
    pub(crate) fn as_custom_id(&self) -> Option<&str> {
        (self.kind == Kind::CustomId).then_some(self.value.as_str())
    }

    fn installation(id: Uuid) -> Self {
        Self {
            kind: Kind::Installation,
            hash: digest(id.as_bytes()),
            value: id.to_string(),
        }
    }
}

/// Parses an identifier; the failure says what is wrong with it.
pub(crate) fn parse(identifier: Option<types::Identifier>) -> Result<Named, &'static str> {
    match identifier.and_then(|identifier| identifier.kind) {
        None => Err("name a custom_id or an installation"),
        Some(types::identifier::Kind::CustomId(value)) => {
            if value.is_empty() {
                return Err("custom_id is empty");
            }
            if value.contains('\0') {
                return Err("custom_id must not hold the character U+0000");
            }
            Ok(Named {
                identifier: Identifier::custom_id(value),
                app_key: None,
            })
        }
        Some(types::identifier::Kind::Installation(installation)) => {
            let id = Uuid::try_parse(&installation.installation_id).map_err(|_| "installation_id must be a UUID")?;
            Ok(Named {
                identifier: Identifier::installation(id),
                app_key: Some(installation.app_key),
            })
        }
    }
}
