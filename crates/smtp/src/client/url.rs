//! Where the pool connects to, and as whom.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

/// The port of SMTP (RFC 5321 §4.5.4.2).
const DEFAULT_PORT: u16 = 25;

/// `smtp://[user:password@]host[:port]`. User and password are percent-decoded; port 25 unless given.
///
/// There is no TLS, so a password may only travel to this very host. Printed and serialized, the password is `***`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SmtpUrl {
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

/// Why a text is not an SMTP URL, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// The scheme promises TLS.
    #[error(
        "\"{0}://\" asks for TLS, which this version does not speak; run a relay that does on this host or on a private \
         network and write smtp://relay:25"
    )]
    Tls(String),
    /// Another scheme, or none.
    #[error("an SMTP server is written smtp://host:port")]
    Scheme,
    /// No host, or one with characters that no host has.
    #[error("the SMTP URL has no valid host; write smtp://host:port, and an IPv6 address in brackets")]
    Host,
    /// Not 1 to 65535.
    #[error("the port of the SMTP URL is not a number from 1 to 65535")]
    Port,
    /// Something after host and port.
    #[error("the SMTP URL goes on after host and port; write smtp://host:port")]
    Rest,
    /// A user without password, or escapes that are none.
    #[error(
        "the credentials of the SMTP URL do not read user:password; write special characters as %XX, for example %40 \
         for @"
    )]
    Credentials,
    /// A password would cross the network in clear.
    #[error(
        "the SMTP URL carries a password for a host that is not this one, and without TLS it would cross the network in \
         clear; run a relay on this host that logs in for you and point the URL at localhost, or let the server accept \
         this host without a password"
    )]
    PasswordInClear,
}

impl SmtpUrl {
    /// Name or address, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }
}

impl FromStr for SmtpUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidUrl::Scheme)?;
        match scheme.to_ascii_lowercase().as_str() {
            "smtp" => {}
            tls @ ("smtps" | "smtp+tls" | "smtp+starttls" | "submissions") => {
                return Err(InvalidUrl::Tls(tls.to_owned()));
            }
            _ => return Err(InvalidUrl::Scheme),
        }
        let (credentials, authority) = match rest.rsplit_once('@') {
            Some((user_info, authority)) => (Some(Credentials::parse(user_info)?), authority),
            None => (None, rest),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains(['/', '?', '#']) {
            return Err(InvalidUrl::Rest);
        }
        let (host, port) = split_port(authority)?;
        if credentials.is_some() && !is_loopback(host) {
            return Err(InvalidUrl::PasswordInClear);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            credentials,
        })
    }
}

impl Credentials {
    fn parse(user_info: &str) -> Result<Self, InvalidUrl> {
        let (user, password) = user_info.split_once(':').ok_or(InvalidUrl::Credentials)?;
        let decode = |text| percent_decode(text).filter(|it| !it.is_empty() && !it.contains('\0'));
        Ok(Self {
            user: decode(user).ok_or(InvalidUrl::Credentials)?,
            password: decode(password).ok_or(InvalidUrl::Credentials)?,
        })
    }
}

fn split_port(authority: &str) -> Result<(&str, u16), InvalidUrl> {
    let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, after) = bracketed.split_once(']').ok_or(InvalidUrl::Host)?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| InvalidUrl::Host)?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port),
            None if after.is_empty() => None,
            None => return Err(InvalidUrl::Rest),
        };
        (host, port)
    } else {
        let (host, port) = authority
            .split_once(':')
            .map_or((authority, None), |(host, port)| (host, Some(port)));
        if host.is_empty()
            || !host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        {
            return Err(InvalidUrl::Host);
        }
        (host, port)
    };
    let port = port.map_or(Ok(DEFAULT_PORT), |port| port.parse().map_err(|_| InvalidUrl::Port))?;
    if port == 0 {
        Err(InvalidUrl::Port)
    } else {
        Ok((host, port))
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// `None` if an escape is incomplete or the result is not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The URL in a form fit for logs.
impl fmt::Display for SmtpUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("smtp://")?;
        if self.credentials.is_some() {
            out.write_str("***:***@")?;
        }
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SmtpUrl({self})")
    }
}

impl TryFrom<String> for SmtpUrl {
    type Error = InvalidUrl;

    fn try_from(text: String) -> Result<Self, InvalidUrl> {
        text.parse()
    }
}

impl From<SmtpUrl> for String {
    fn from(url: SmtpUrl) -> Self {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SmtpUrl, InvalidUrl> {
        text.parse()
    }

    #[test]
    fn host_and_port_are_read() {
        for (text, host, port) in [
            ("smtp://relay", "relay", 25),
            ("SMTP://mail.example.com:2525/", "mail.example.com", 2525),
            ("smtp://127.0.0.1:1025", "127.0.0.1", 1025),
            ("smtp://[::1]:1025", "::1", 1025),
            ("smtp://[2001:db8::1]", "2001:db8::1", 25),
        ] {
            let url = parse(text).unwrap();
            assert_eq!((url.host(), url.port()), (host, port), "{text}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_printed() {
        let url = parse("smtp://me%40here:p%3Ass:w%25rd@localhost:587").unwrap();
        let credentials = url.credentials().unwrap();
        assert_eq!(
            (credentials.user.as_str(), credentials.password.as_str()),
            ("me@here", "p:ss:w%rd")
        );
        assert_eq!(
            format!("{url} {url:?}"),
            "smtp://***:***@localhost:587 SmtpUrl(smtp://***:***@localhost:587)"
        );
        assert_eq!(
            serde_json::to_string(&url).unwrap(),
            r#""smtp://***:***@localhost:587""#
        );
    }

    #[test]
    fn a_password_stays_on_this_host() {
        assert!(parse("smtp://u:p@[::1]").is_ok());
        assert!(parse("smtp://u:p@127.8.8.8").is_ok());
        assert_eq!(parse("smtp://u:p@relay.internal"), Err(InvalidUrl::PasswordInClear));
        assert_eq!(parse("smtp://u:p@10.0.0.1"), Err(InvalidUrl::PasswordInClear));
        assert_eq!(
            parse("smtp://u:p@localhost.example.com"),
            Err(InvalidUrl::PasswordInClear)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, fault) in [
            ("smtps://relay", InvalidUrl::Tls("smtps".to_owned())),
            ("http://relay", InvalidUrl::Scheme),
            ("relay:25", InvalidUrl::Scheme),
            ("smtp://", InvalidUrl::Host),
            ("smtp://a b", InvalidUrl::Host),
            ("smtp://[relay]", InvalidUrl::Host),
            ("smtp://relay:0", InvalidUrl::Port),
            ("smtp://relay:65536", InvalidUrl::Port),
            ("smtp://relay:", InvalidUrl::Port),
            ("smtp://relay/path", InvalidUrl::Rest),
            ("smtp://[::1]25", InvalidUrl::Rest),
            ("smtp://u@localhost", InvalidUrl::Credentials),
            ("smtp://u:%4@localhost", InvalidUrl::Credentials),
            ("smtp://u:%00@localhost", InvalidUrl::Credentials),
        ] {
            assert_eq!(parse(text), Err(fault), "{text}");
        }
        let from_config = serde_json::from_str::<SmtpUrl>(r#""smtps://relay""#).unwrap_err();
        assert!(from_config.to_string().contains("does not speak"), "{from_config}");
    }
}
