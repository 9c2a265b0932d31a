//! What a client says: one line, read with the grammar of `smtp-proto`.

use smtp_proto::{Error, Request};

use crate::reply::Reply;

/// The commands the receiver knows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Ehlo,
    Helo,
    Mail { from: String, size: usize },
    Rcpt { to: String },
    Data,
    Reset,
    Noop,
    Verify,
    Quit,
}

/// Reads a line with its end. A fault is the reply to give.
pub(super) fn parse(line: &[u8]) -> Result<Command, Reply> {
    let request = Request::parse(&mut line.iter()).map_err(|error| refuse(&error))?;
    Ok(match request {
        Request::Ehlo { .. } => Command::Ehlo,
        Request::Helo { .. } => Command::Helo,
        Request::Mail { from } => Command::Mail {
            from: from.address.into_owned(),
            size: from.size,
        },
        Request::Rcpt { to } if to.address.is_empty() => return Err(refuse(&Error::InvalidRecipientAddress)),
        Request::Rcpt { to } => Command::Rcpt {
            to: to.address.into_owned(),
        },
        Request::Data => Command::Data,
        Request::Rset => Command::Reset,
        Request::Noop { .. } => Command::Noop,
        Request::Vrfy { .. } => Command::Verify,
        Request::Quit => Command::Quit,
        other => return Err(Reply::new(502, "5.5.1", format!("{} is not implemented", other.name()))),
    })
}

fn refuse(error: &Error) -> Reply {
    match error {
        Error::UnknownCommand => Reply::new(500, "5.5.2", "command not recognized"),
        Error::InvalidSenderAddress => Reply::new(501, "5.1.7", "the sender's address is not valid"),
        Error::InvalidRecipientAddress => Reply::new(501, "5.1.3", "the recipient's address is not valid"),
        Error::UnsupportedParameter { .. } => Reply::new(555, "5.5.4", "parameter not recognized"),
        Error::SyntaxError { syntax } => Reply::new(501, "5.5.4", format!("syntax: {syntax}")),
        Error::InvalidParameter { .. }
        | Error::NeedsMoreData { .. }
        | Error::ResponseTooLong
        | Error::InvalidResponse { .. } => Reply::new(501, "5.5.4", "syntax error in parameters"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_in_any_case_with_their_parameters() {
        let mail = Command::Mail {
            from: "a@b.example".to_owned(),
            size: 42,
        };
        assert_eq!(
            parse(b"mail FROM:<a@b.example> SIZE=42 BODY=8BITMIME SMTPUTF8\r\n"),
            Ok(mail)
        );
        let bounce = Command::Mail {
            from: String::new(),
            size: 0,
        };
        assert_eq!(parse(b"MAIL FROM:<>\r\n"), Ok(bounce));
        let rcpt = Command::Rcpt {
            to: "jörg@bücher.example".to_owned(),
        };
        assert_eq!(parse("RCPT TO:<jörg@bücher.example>\r\n".as_bytes()), Ok(rcpt));
        assert_eq!(parse(b"Data\r\n"), Ok(Command::Data));
        assert_eq!(parse(b"VRFY someone\r\n"), Ok(Command::Verify));
        assert_eq!(parse(b"EHLO [127.0.0.1]\r\n"), Ok(Command::Ehlo));
        assert_eq!(parse(b"NOOP\n"), Ok(Command::Noop));
    }

    #[test]
    fn what_is_no_command_gets_its_code() {
        for (line, code) in [
            (&b"\r\n"[..], 500),
            (b"GET / HTTP/1.1\r\n", 500),
            (b"MAIL FROM:<a\r\n", 501),
            (b"MAIL FROM:<a@b> NONSENSE=1\r\n", 555),
            (b"RCPT TO:<>\r\n", 501),
            (b"RCPT TO:<a b@c>\r\n", 501),
            (b"EHLO\r\n", 501),
            (b"STARTTLS\r\n", 502),
            (b"\xff\xfe\0\r\n", 500),
        ] {
            let reply = parse(line).unwrap_err();
            assert_eq!(reply.code, code, "{} gave {reply}", line.escape_ascii());
        }
    }
}
