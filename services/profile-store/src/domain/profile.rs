//! One person.

use chappe_ids::ProfileId;
use chappe_kit::Timestamp;
use chappe_query::{Attributes, Native, email_key};

/// A profile without its activity, which is kept apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Profile {
    pub(crate) id: ProfileId,
    pub(crate) custom_id: Option<String>,
    pub(crate) attributes: Attributes,
    /// Rises with every accepted change; a stored profile has at least 1.
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
}

impl Profile {
    /// A profile that nobody has written to yet.
    pub(crate) fn new(id: ProfileId, created_at: Timestamp) -> Self {
        Self {
            id,
            custom_id: None,
            attributes: Attributes::new(),
            version: 0,
            created_at,
        }
    }

    /// The folded address, by which profiles that share it are found.
    pub(crate) fn email_key(&self) -> Option<String> {
        let address = self.attributes.get(Native::EmailAddress.name())?;
        address.as_str().map(email_key)
    }
}
