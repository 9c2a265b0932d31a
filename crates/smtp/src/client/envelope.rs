//! One message on its way to one recipient.

use std::fmt;

use super::address;
use crate::dot;

/// One message, for one recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The caller's name for it, given back with the outcome; a UUID fits.
    pub tag: u128,
    /// The reverse-path, `local@domain` without brackets; empty for `<>`.
    pub mail_from: String,
    /// The recipient, `local@domain` without brackets.
    pub rcpt_to: String,
    /// Headers and body with CRLF line ends, dots not doubled. A missing last CRLF is added on the wire.
    pub data: Vec<u8>,
}

impl Envelope {
    /// Refuses what must not reach the wire: command injection, addresses that are none, bare line ends.
    pub(super) fn check(&self) -> Result<(), String> {
        if !self.mail_from.is_empty() {
            address::check(&self.mail_from).map_err(|fault| format!("the sender's address {fault}"))?;
        }
        address::check(&self.rcpt_to).map_err(|fault| format!("the recipient's address {fault}"))?;
        dot::check_line_ends(&self.data).map_err(|fault| fault.to_string())
    }

    /// Whether the commands carry an address in UTF-8 (RFC 6531).
    pub(super) fn has_utf8_address(&self) -> bool {
        !(self.mail_from.is_ascii() && self.rcpt_to.is_ascii())
    }
}

/// Without addresses and content, which do not belong into logs.
impl fmt::Debug for Envelope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Envelope")
            .field("tag", &self.tag)
            .field("octets", &self.data.len())
            .finish_non_exhaustive()
    }
}
