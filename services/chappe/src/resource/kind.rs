//! Kinds of resources, as typed on a command line.

use anyhow::{Result, bail};

/// Kinds of this version.
const KINDS: [&str; 4] = ["Project", "Sender", "Template", "Automation"];

/// The kind behind `template`, `templates` or `Template`.
pub(crate) fn canonical(text: &str) -> Result<&'static str> {
    let folded = text.to_ascii_lowercase();
    let singular = folded.strip_suffix('s').unwrap_or(&folded);
    match KINDS.into_iter().find(|kind| kind.eq_ignore_ascii_case(singular)) {
        Some(kind) => Ok(kind),
        None => bail!("{text} is not a kind; known kinds: {}", KINDS.join(", ")),
    }
}

/// Text as one segment or value of a URL (RFC 3986 §2.3).
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
