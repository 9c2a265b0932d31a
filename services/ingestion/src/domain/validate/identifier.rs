//! Who an item is about.

use chappe_proto::types::{Identifier, identifier::Kind};
use uuid::Uuid;

use crate::domain::reason::Reason;

/// Longest custom id, in characters (Batch's mobile SDKs).
const MAX_CUSTOM_ID: usize = 1024;

/// Ids that stand for "nobody" in some client's code; compared folded and trimmed (Batch's SDKs refuse them).
const NOBODY: [&str; 10] = [
    "undefined",
    "null",
    "nil",
    "(null)",
    "[object object]",
    "true",
    "false",
    "nan",
    "infinity",
    "-infinity",
];

pub(super) fn check(identifier: Identifier) -> Result<Identifier, Reason> {
    match &identifier.kind {
        Some(Kind::CustomId(id)) => custom_id(id)?,
        Some(Kind::Installation(installation)) => {
            Uuid::try_parse(&installation.installation_id).map_err(|_| Reason::InstallationIdShape)?;
        }
        None => return Err(Reason::CustomIdShape),
    }
    Ok(identifier)
}

fn custom_id(id: &str) -> Result<(), Reason> {
    let length = id.chars().count();
    let control = |c: char| c <= '\u{1f}' || c == '\u{7f}';
    if length > MAX_CUSTOM_ID || id.trim().is_empty() || id.contains(control) {
        return Err(Reason::CustomIdShape);
    }
    if NOBODY.contains(&id.trim().to_ascii_lowercase().as_str()) {
        return Err(Reason::CustomIdBlocklisted);
    }
    Ok(())
}
