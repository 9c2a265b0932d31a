//! The transparency of message bodies (RFC 5321 §4.5.2): a line that begins with a dot travels with one more, and a
//! line of one dot alone ends the message. Only `CR LF` ends a line: a receiver that also took a bare `LF` could be
//! made to see two messages where the sender saw one.

use memchr::{memchr, memchr2_iter, memmem};

/// A body that cannot be sent as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("octet {at} of the body is a CR or LF that is not part of a CRLF line end; build the message with CRLF")]
pub(crate) struct BareLineEnd {
    at: usize,
}

/// Checks that every CR and LF stands in a CR LF pair.
pub(crate) fn check_line_ends(body: &[u8]) -> Result<(), BareLineEnd> {
    for at in memchr2_iter(b'\r', b'\n', body) {
        let paired = match body[at] {
            b'\r' => body.get(at + 1) == Some(&b'\n'),
            _ => at > 0 && body[at - 1] == b'\r',
        };
        if !paired {
            return Err(BareLineEnd { at });
        }
    }
    Ok(())
}

/// Appends the body with its dots doubled, and the line that ends it.
pub(crate) fn stuff(body: &[u8], out: &mut Vec<u8>) {
    out.reserve(body.len() + 64);
    if body.first() == Some(&b'.') {
        out.push(b'.');
    }
    let mut copied = 0;
    for line_end in memmem::find_iter(body, b"\n.") {
        out.extend_from_slice(&body[copied..=line_end]);
        out.push(b'.');
        copied = line_end + 1;
    }
    out.extend_from_slice(&body[copied..]);
    if !body.is_empty() && !body.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
}

/// Takes the dots out again, in whatever pieces the body arrives.
#[derive(Default)]
pub(crate) struct Unstuffer {
    at: At,
}

#[derive(Clone, Copy, Default)]
enum At {
    #[default]
    LineStart,
    /// After a dot at the start of a line, which is not part of the body.
    Dot,
    /// After that dot and a CR.
    DotCr,
    Line,
    Cr,
}

impl Unstuffer {
    /// Appends to `body` what `input` holds of it. Answers how many octets were used, and whether the body is over.
    pub(crate) fn feed(&mut self, input: &[u8], body: &mut Vec<u8>) -> (usize, bool) {
        let mut used = 0;
        while let Some(&next) = input.get(used) {
            match (self.at, next) {
                (At::DotCr, b'\n') => return (used + 1, true),
                (At::LineStart, b'.') => {
                    self.at = At::Dot;
                    used += 1;
                }
                (At::Dot, b'\r') => {
                    self.at = At::DotCr;
                    used += 1;
                }
                (At::DotCr, _) => {
                    body.push(b'\r');
                    self.at = At::Cr;
                }
                (At::Cr, b'\n') => {
                    body.push(b'\n');
                    self.at = At::LineStart;
                    used += 1;
                }
                (At::LineStart | At::Dot | At::Line | At::Cr, _) => {
                    let rest = &input[used..];
                    let (line, at) = match memchr(b'\r', rest) {
                        Some(cr) => (&rest[..=cr], At::Cr),
                        None => (rest, At::Line),
                    };
                    body.extend_from_slice(line);
                    self.at = at;
                    used += line.len();
                }
            }
        }
        (used, false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuffed(body: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        stuff(body, &mut wire);
        wire
    }

    /// Feeds the wire in pieces of `step` octets; the body must be over exactly at its end.
    fn unstuffed(wire: &[u8], step: usize) -> Vec<u8> {
        let (mut unstuffer, mut body, mut total) = (Unstuffer::default(), Vec::new(), 0);
        for piece in wire.chunks(step) {
            let (used, over) = unstuffer.feed(piece, &mut body);
            total += used;
            assert_eq!(over, total == wire.len(), "over after {total} of {} octets", wire.len());
        }
        body
    }

    #[test]
    fn dots_are_doubled_at_line_starts_only() {
        assert_eq!(stuffed(b".a\r\n..\r\nb.\r\n.\r\n"), b"..a\r\n...\r\nb.\r\n..\r\n.\r\n");
        assert_eq!(stuffed(b""), b".\r\n");
        assert_eq!(stuffed(b"no end"), b"no end\r\n.\r\n");
    }

    #[test]
    fn only_crlf_dot_crlf_ends_a_body() {
        for inside in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r\r\n"] {
            let wire = format!("a{inside}b\r\n.\r\n");
            let body = unstuffed(wire.as_bytes(), wire.len());
            assert_eq!(body.last_chunk(), Some(b"b\r\n"), "{inside:?}");
        }
    }

    #[test]
    fn what_follows_the_body_is_left_alone() {
        let mut body = Vec::new();
        assert_eq!(Unstuffer::default().feed(b"a\r\n.\r\nMAIL", &mut body), (6, true));
        assert_eq!(body, b"a\r\n");
    }

    #[test]
    fn bare_line_ends_are_found() {
        assert_eq!(check_line_ends(b"a\r\n\r\nb"), Ok(()));
        for (body, at) in [
            (&b"a\nb\r\n"[..], 1),
            (b"a\rb", 1),
            (b"\r\r\n", 0),
            (b"\r\n\n", 2),
            (b"a\r", 1),
        ] {
            assert_eq!(check_line_ends(body), Err(BareLineEnd { at }), "{body:?}");
        }
    }

    /// Lines of few letters, so that dots and line ends meet often.
    fn crlf_body() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(
            prop::collection::vec(prop::sample::select(b".ab\xff \0".to_vec()), 0..6),
            0..20,
        )
        .prop_map(|lines| {
            lines
                .into_iter()
                .flat_map(|mut line| {
                    line.extend(b"\r\n");
                    line
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn a_body_survives_the_round_trip(body in crlf_body(), step in 1usize..50) {
            prop_assert_eq!(check_line_ends(&body), Ok(()));
            prop_assert_eq!(unstuffed(&stuffed(&body), step), body);
        }

        #[test]
        fn line_ends_are_judged_as_a_plain_search_does(body in prop::collection::vec(prop::sample::select(b"\r\na".to_vec()), 0..12)) {
            let text = String::from_utf8(body.clone()).unwrap().replace("\r\n", "");
            prop_assert_eq!(check_line_ends(&body).is_ok(), !text.contains(['\r', '\n']));
        }
    }
}
