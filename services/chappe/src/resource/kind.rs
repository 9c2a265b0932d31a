//! Kinds of resources, as typed on a command line.

use anyhow::{Result, bail};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but the unreserved characters (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Kinds of this version.
const KINDS: [&str; 4] = ["Project", "Sender", "Template", "Automation"];

/// The kind behind `template`, `templates` or `Template`.
pub(crate) fn canonical(text: &str) -> Result<&'static str> {
    let folded = text.to_ascii_lowercase();
    let singular = folded.strip_suffix('s').unwrap_or(&folded);
    match KINDS.into_iter().find(|kind| kind.eq_ignore_ascii_case(singular)) {
        Some(kind) => Ok(kind),
        None => bail!(
            "{text} is no kind of resource{}; known kinds: {}",
            chappe_kit::did_you_mean(singular, KINDS),
            KINDS.join(", ")
        ),
    }
}

/// Text as one segment or value of a URL.
pub(crate) fn escape(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
