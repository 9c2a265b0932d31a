//! What the failure of a call on a connection says about the call and about the connection.

use std::error::Error as StdError;

/// A call that got no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) cause: hyper::Error,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The connection takes no more calls, and this one was never handed over.
    Closing,
    /// The other side refused the stream before it did anything with it (RFC 9113 §8.7).
    Refused,
    /// The other side may have done it.
    Unknown,
}

impl Failure {
    /// `is_returned`: the connection gave the request back untouched.
    pub(super) fn of(cause: hyper::Error, is_returned: bool) -> Self {
        let kind = if is_returned { Kind::Closing } else { kind(&cause) };
        Self { cause, kind }
    }

    /// Whether nobody can have done what was asked for, so that it may be asked for again whatever it is.
    pub(super) fn is_unsent(&self) -> bool {
        self.kind != Kind::Unknown
    }

    /// Whether further calls must go elsewhere.
    pub(super) fn ends_connection(&self) -> bool {
        self.kind == Kind::Closing
    }
}

/// A stream learns of the peer's GOAWAY only when its number is above the last one that the peer has looked at
/// (RFC 9113 §6.8), or when it was not yet opened.
fn kind(cause: &hyper::Error) -> Kind {
    let h2 = cause.source().and_then(|source| source.downcast_ref::<h2::Error>());
    match h2 {
        Some(error) if error.is_go_away() && error.is_remote() => Kind::Closing,
        Some(error) if error.is_reset() && error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM) => {
            Kind::Refused
        }
        _ => Kind::Unknown,
    }
}
