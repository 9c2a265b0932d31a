//! Who a request is about.

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::keys::Key;
use chappe_proto::types::{self, identifier::Kind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Characters of a custom id, as documented in the contract.
const MAX_CUSTOM_ID_CHARS: usize = 1_024;
/// Characters of an identifier that is only written back.
const MAX_ECHO_CHARS: usize = 1_024;

/// What PostgreSQL can hold neither as text nor in JSON.
const NULL: char = '\0';

/// Who a request is about, as it is kept until the request is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    CustomId(String),
    Installation {
        app_key: String,
        installation_id: Uuid,
    },
    /// An advertising id: none is kept, so it finds nobody.
    AdvertisingId(String),
}

/// A target with the words in which the client named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) target: Target,
    pub(crate) identifier_type: String,
    pub(crate) identifier_value: String,
}

/// Reads an identifier; a failure is the field that is wrong and why.
pub(crate) fn parse(
    identifier: Option<types::Identifier>,
    identifier_type: String,
    identifier_value: String,
) -> Result<Named, (&'static str, String)> {
    let (target, own_type, own_value) = match identifier.and_then(|identifier| identifier.kind) {
        Some(Kind::CustomId(value)) => {
            if value.is_empty() || value.chars().count() > MAX_CUSTOM_ID_CHARS || value.contains(NULL) {
                let wrong = format!("custom_id must have 1 to {MAX_CUSTOM_ID_CHARS} characters, none of them U+0000");
                return Err(("identifier", wrong));
            }
            (Target::CustomId(value.clone()), "custom_id", value)
        }
        Some(Kind::Installation(installation)) => {
            let id = Uuid::try_parse(&installation.installation_id)
                .map_err(|_| ("identifier", "installation_id must be a UUID".to_owned()))?;
            if installation.app_key.contains(NULL) {
                return Err(("identifier", "app_key must not hold the character U+0000".to_owned()));
            }
            let target = Target::Installation {
                app_key: installation.app_key,
                installation_id: id,
            };
            (target, "install_id", installation.installation_id)
        }
        None if identifier_type == "advertising_id" => {
            let target = Target::AdvertisingId(identifier_value.clone());
            (target, "advertising_id", identifier_value.clone())
        }
        None => return Err(("identifier", "name a custom_id or an installation".to_owned())),
    };
    let or = |text: String, own: String| if text.is_empty() { own } else { text };
    let named = Named {
        target,
        identifier_type: or(identifier_type, own_type.to_owned()),
        identifier_value: or(identifier_value, own_value),
    };
    for (field, text) in [
        ("identifier_type", &named.identifier_type),
        ("identifier_value", &named.identifier_value),
    ] {
        if text.chars().count() > MAX_ECHO_CHARS || text.contains(NULL) {
            let wrong = format!("must have at most {MAX_ECHO_CHARS} characters, none of them U+0000");
            return Err((field, wrong));
        }
    }
    Ok(named)
}

impl Target {
    /// As other services are asked; an advertising id names nobody.
    pub(crate) fn identifier(&self) -> Option<types::Identifier> {
        let kind = match self {
            Self::CustomId(value) => Kind::CustomId(value.clone()),
            Self::Installation {
                app_key,
                installation_id,
            } => Kind::Installation(types::Installation {
                app_key: app_key.clone(),
                installation_id: installation_id.to_string(),
            }),
            Self::AdvertisingId(_) => return None,
        };
        Some(types::Identifier { kind: Some(kind) })
    }

    /// Whether data may be held under it without a profile: app-centric records are kept by custom id.
    pub(crate) const fn may_be_held_without_profile(&self) -> bool {
        matches!(self, Self::CustomId(_))
    }

    /// Whether nobody comes up under it any more once it is blocked. An installation goes on, as somebody new.
    pub(crate) const fn is_blocked(&self) -> bool {
        matches!(self, Self::CustomId(_))
    }

    /// What stays of it in the request and the audit trail.
    pub(crate) fn hash(&self, key: &Key, project: ProjectId) -> [u8; 32] {
        match self {
            Self::CustomId(value) => hash(key, project, 1, value.as_bytes()),
            Self::Installation { installation_id, .. } => hash(key, project, 2, installation_id.as_bytes()),
            Self::AdvertisingId(value) => hash(key, project, 3, value.as_bytes()),
        }
    }
}

/// What stays of a profile id, to find the archives that hold the same person.
pub(crate) fn profile_hash(key: &Key, project: ProjectId, profile: ProfileId) -> [u8; 32] {
    hash(key, project, 4, profile.as_uuid().as_bytes())
}

fn hash(key: &Key, project: ProjectId, kind: u8, value: &[u8]) -> [u8; 32] {
    key.mac(&[project.as_uuid().as_bytes(), &[kind][..], value].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(id: &str) -> types::Identifier {
        let kind = Kind::Installation(types::Installation {
            app_key: "app".to_owned(),
            installation_id: id.to_owned(),
        });
        types::Identifier { kind: Some(kind) }
    }

    #[test]
    fn the_clients_words_are_kept_and_made_up_where_there_are_none() {
        let id = "0F0E0D0C-0000-0000-0000-000000000001";
        let named = parse(Some(installation(id)), String::new(), String::new()).unwrap();
        assert_eq!(
            (named.identifier_type.as_str(), named.identifier_value.as_str()),
            ("install_id", id)
        );
        let named = parse(
            Some(installation(id)),
            "installation_id".to_owned(),
            "as written".to_owned(),
        )
        .unwrap();
        assert_eq!(named.identifier_type, "installation_id");
        assert_eq!(named.identifier_value, "as written");
    }

    #[test]
    fn an_advertising_id_is_known_by_its_type_alone() {
        let named = parse(None, "advertising_id".to_owned(), "aaid".to_owned()).unwrap();
        assert_eq!(named.target, Target::AdvertisingId("aaid".to_owned()));
        assert!(named.target.identifier().is_none());
        assert_eq!(
            parse(None, "custom_id".to_owned(), "u1".to_owned()).unwrap_err().0,
            "identifier"
        );
    }

    #[test]
    fn wrong_identifiers_are_refused() {
        let custom_id = |value: String| {
            let kind = Some(Kind::CustomId(value));
            parse(Some(types::Identifier { kind }), String::new(), String::new())
        };
        assert!(custom_id(String::new()).is_err());
        assert!(custom_id("é".repeat(1_025)).is_err());
        assert!(custom_id("é".repeat(1_024)).is_ok());
        assert!(parse(Some(installation("not a uuid")), String::new(), String::new()).is_err());
    }
}
