//! What the server says it can do.

use smtp_proto::{AUTH_PLAIN, EXT_8BIT_MIME, EXT_PIPELINING, EXT_SIZE, EXT_SMTP_UTF8, EhloResponse};

use super::{Envelope, Outcome};
use crate::reply::Reply;

/// The extensions this client makes use of. The default is a server that knows only `HELO`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one for each extension, and they are independent"
)]
pub(super) struct Capabilities {
    pub(super) pipelining: bool,
    pub(super) eight_bit_mime: bool,
    pub(super) smtp_utf8: bool,
    pub(super) auth_plain: bool,
    /// `SIZE`: octets of a message the server takes at most, 0 if it names no limit.
    pub(super) size: Option<usize>,
}

impl Capabilities {
    /// Reads the reply to `EHLO`. A server whose list cannot be read is treated as one without extensions.
    pub(super) fn parse(ehlo_reply: &[u8]) -> Self {
        let Ok(ehlo) = EhloResponse::parse(&mut ehlo_reply.iter()) else {
            return Self::default();
        };
        Self {
            pipelining: ehlo.has_capability(EXT_PIPELINING),
            eight_bit_mime: ehlo.has_capability(EXT_8BIT_MIME),
            smtp_utf8: ehlo.has_capability(EXT_SMTP_UTF8),
            auth_plain: ehlo.auth() & AUTH_PLAIN != 0,
            size: ehlo.has_capability(EXT_SIZE).then_some(ehlo.size),
        }
    }

    /// The answer to a message that the server has already said it does not take.
    pub(super) fn refuse(&self, envelope: &Envelope) -> Option<Outcome> {
        let size = envelope.data.len();
        let reply = if let Some(max) = self.size.filter(|max| *max > 0 && size > *max) {
            // RFC 1870 §6.1 (4): what a server answers to a message beyond its fixed maximum.
            let text = format!("the message has {size} octets and the server takes {max}");
            Reply::new(552, "5.3.4", text)
        } else if envelope.has_utf8_address() && !self.smtp_utf8 {
            // RFC 6531 §3.5.
            Reply::new(
                553,
                "5.6.7",
                "the address is not ASCII and the server does not offer SMTPUTF8",
            )
        } else if !self.eight_bit_mime && !envelope.data.is_ascii() {
            // RFC 6152 §3, RFC 3463 §3.7.
            Reply::new(
                554,
                "5.6.3",
                "the message is not ASCII and the server does not offer 8BITMIME",
            )
        } else {
            return None;
        };
        Some(Outcome::refused(reply))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read() {
        let postfix = b"250-mail.example.com\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-VRFY\r\n250-ETRN\r\n\
            250-AUTH LOGIN PLAIN\r\n250-AUTH=LOGIN PLAIN\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n\
            250-X-UNKNOWN=1 2 3\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n";
        let all = Capabilities {
            pipelining: true,
            eight_bit_mime: true,
            smtp_utf8: true,
            auth_plain: true,
            size: Some(10_240_000),
        };
        assert_eq!(Capabilities::parse(postfix), all);
    }

    #[test]
    fn a_size_without_number_or_of_zero_sets_no_limit() {
        for list in ["250-a\r\n250 SIZE\r\n", "250-a\r\n250 SIZE 0\r\n"] {
            assert_eq!(Capabilities::parse(list.as_bytes()).size, Some(0), "{list}");
        }
    }

    #[test]
    fn names_are_read_in_any_case_and_a_bare_greeting_has_none() {
        assert!(Capabilities::parse(b"250-a greets you\r\n250 pipelining\r\n").pipelining);
        assert_eq!(Capabilities::parse(b"250 a\r\n"), Capabilities::default());
        assert_eq!(Capabilities::parse(b"250\r\n"), Capabilities::default());
    }
}
