//! Replies: what a server says, read by the client and written by the receiver.

use std::fmt;

use memchr::memchr;

/// Octets in one line of a reply. RFC 5321 §4.5.3.1.5 asks for 512; servers with long explanations exist.
const MAX_LINE: usize = 4 * 1024;
/// Octets in a whole reply, all its lines together.
const MAX_REPLY: usize = 64 * 1024;

/// One reply, of one line or several (RFC 5321 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The three-digit code.
    pub code: u16,
    /// The enhanced status code, where the server gives one (RFC 2034).
    pub enhanced: Option<Enhanced>,
    /// The text without codes; the lines of a longer reply are separated by `\n`.
    pub text: String,
}

/// An enhanced status code, `class.subject.detail` (RFC 3463).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Enhanced {
    /// 2 success, 4 transient, 5 permanent.
    pub class: u8,
    /// What it is about: 1 address, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// The case in particular.
    pub detail: u16,
}

/// The peer does not speak SMTP.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the server sent a reply line of more than {MAX_LINE} octets")]
    LineTooLong,
    #[error("the server sent a reply of more than {MAX_REPLY} octets")]
    ReplyTooLong,
    #[error("the server sent something that is not an SMTP reply")]
    NotAReply,
}

impl Reply {
    /// A reply with an enhanced code, for example `Reply::new(450, "4.2.0", "try again later")`.
    ///
    /// # Panics
    /// If `enhanced` does not read `class.subject.detail`: it is written in the program, not taken from a peer.
    pub fn new(code: u16, enhanced: &str, text: impl Into<String>) -> Self {
        let enhanced = Enhanced::parse(enhanced.as_bytes()).expect("an enhanced code reads class.subject.detail");
        Self {
            code,
            enhanced: Some(enhanced),
            text: text.into(),
        }
    }

    /// A reply without an enhanced code: greetings, capabilities, 354.
    pub fn plain(code: u16, text: impl Into<String>) -> Self {
        Self {
            code,
            enhanced: None,
            text: text.into(),
        }
    }

    /// `250 2.0.0`, the answer to a message taken over.
    pub fn accepted() -> Self {
        Self::new(250, "2.0.0", "accepted")
    }

    /// 2xx: done.
    pub fn is_success(&self) -> bool {
        matches!(self.code, 200..=299)
    }

    /// 4xx or 5xx: not done.
    pub fn is_refusal(&self) -> bool {
        matches!(self.code, 400..=599)
    }

    /// Appends the reply as it goes over the wire.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        let mut lines = self.text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let separator = if lines.peek().is_some() { '-' } else { ' ' };
            out.extend_from_slice(format!("{:03}{separator}", self.code).as_bytes());
            if let Some(enhanced) = self.enhanced {
                out.extend_from_slice(format!("{enhanced} ").as_bytes());
            }
            out.extend(line.bytes().filter(|byte| !byte.is_ascii_control()));
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Reads a reply that [`frame`] found complete.
    pub(crate) fn parse(framed: &[u8]) -> Result<Self, Malformed> {
        let mut reply = Self::plain(code_of(framed)?, String::new());
        for (number, line) in lines(framed).enumerate() {
            let mut text = line.get(4..).unwrap_or_default();
            let first_word = text.split(|byte| *byte == b' ').next().unwrap_or_default();
            if let Some(enhanced) = Enhanced::parse(first_word).filter(|it| u16::from(it.class) == reply.code / 100) {
                reply.enhanced.get_or_insert(enhanced);
                text = text.get(first_word.len() + 1..).unwrap_or_default();
            }
            if number > 0 {
                reply.text.push('\n');
            }
            reply.text.push_str(&String::from_utf8_lossy(text));
        }
        Ok(reply)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:03}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(out, " {enhanced}")?;
        }
        write!(out, " {}", self.text.replace('\n', " "))
    }
}

impl Enhanced {
    /// Reads `class.subject.detail`; the class is 2, 4 or 5, the others have at most three digits.
    fn parse(word: &[u8]) -> Option<Self> {
        let mut parts = word.split(|byte| *byte == b'.');
        let mut number = || {
            let digits = parts.next().filter(|it| matches!(it.len(), 1..=3))?;
            let fold = |sum: u16, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + u16::from(byte - b'0'));
            digits.iter().try_fold(0, fold)
        };
        let (class, subject, detail) = (number()?, number()?, number()?);
        let class = u8::try_from(class).ok().filter(|it| matches!(it, 2 | 4 | 5))?;
        parts.next().is_none().then_some(Self { class, subject, detail })
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// How many octets the first reply in `buffer` takes; `None` while its last line has not arrived.
pub(crate) fn frame(buffer: &[u8]) -> Result<Option<usize>, Malformed> {
    let mut end = 0;
    loop {
        let rest = &buffer[end..];
        let line = match memchr(b'\n', &rest[..rest.len().min(MAX_LINE)]) {
            Some(line_feed) => &rest[..=line_feed],
            None if rest.len() >= MAX_LINE => return Err(Malformed::LineTooLong),
            None => return Ok(None),
        };
        end += line.len();
        if end > MAX_REPLY {
            return Err(Malformed::ReplyTooLong);
        }
        code_of(line)?;
        match line[3] {
            b'-' => {}
            b' ' | b'\r' | b'\n' => return Ok(Some(end)),
            _ => return Err(Malformed::NotAReply),
        }
    }
}

/// The code at the head of a line, which has at least one more octet after it.
fn code_of(line: &[u8]) -> Result<u16, Malformed> {
    match line {
        [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', _, ..] => {
            Ok(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
        }
        _ => Err(Malformed::NotAReply),
    }
}

/// The lines of a framed reply, without their ends.
fn lines(framed: &[u8]) -> impl Iterator<Item = &[u8]> {
    let framed = framed.strip_suffix(b"\n").unwrap_or(framed);
    framed
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(wire: &str) -> Reply {
        assert_eq!(frame(wire.as_bytes()), Ok(Some(wire.len())));
        Reply::parse(wire.as_bytes()).unwrap()
    }

    #[test]
    fn an_enhanced_code_is_taken_off_every_line() {
        let reply = parse("550-5.7.509 Access denied,\r\n550 5.7.509 see the policy.\r\n");
        assert_eq!(reply, Reply::new(550, "5.7.509", "Access denied,\nsee the policy."));
        assert_eq!(reply.to_string(), "550 5.7.509 Access denied, see the policy.");
    }

    #[test]
    fn a_version_number_is_no_enhanced_code() {
        assert_eq!(parse("250 4.2.0 ready\r\n"), Reply::plain(250, "4.2.0 ready"));
        assert_eq!(parse("250 2.0 ready\r\n"), Reply::plain(250, "2.0 ready"));
    }

    #[test]
    fn a_bare_code_and_a_bare_line_feed_are_read() {
        assert_eq!(parse("250\r\n"), Reply::plain(250, ""));
        assert_eq!(parse("354 go\n"), Reply::plain(354, "go"));
        assert_eq!(parse("250 2.0.0\r\n"), Reply::new(250, "2.0.0", ""));
    }

    #[test]
    fn what_is_no_reply_is_told_from_what_is_not_complete() {
        assert_eq!(frame(b""), Ok(None));
        assert_eq!(frame(b"250-a\r\n250"), Ok(None));
        assert_eq!(frame(b"25\r\n"), Err(Malformed::NotAReply));
        assert_eq!(frame(b"HTTP/1.1 400 Bad Request\r\n"), Err(Malformed::NotAReply));
        assert_eq!(frame(b"250+a\r\n"), Err(Malformed::NotAReply));
        assert_eq!(frame(&[b'2'; MAX_LINE]), Err(Malformed::LineTooLong));
        let endless = "250-x\r\n".repeat(MAX_REPLY / 7 + 1);
        assert_eq!(frame(endless.as_bytes()), Err(Malformed::ReplyTooLong));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(code in 200u16..600, lines in prop::collection::vec("[a-zA-Z][ -~]{0,40}", 1..5)) {
            let reply = Reply::plain(code, lines.join("\n"));
            let mut wire = Vec::new();
            reply.write_to(&mut wire);
            prop_assert_eq!(frame(&wire), Ok(Some(wire.len())));
            prop_assert_eq!(Reply::parse(&wire).unwrap(), reply);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some(length)) = frame(&bytes) {
                prop_assert!(Reply::parse(&bytes[..length]).is_ok());
            }
        }
    }
}
