//! Whether a message is sent, decided at the last moment.

use std::time::Duration;

use chappe_kit::Timestamp;
use chappe_query::{Attributes, Native, Value};

use super::message::Class;

/// A message that old before its first attempt is not sent any more.
pub(crate) const MAX_QUEUE_AGE: Duration = Duration::from_hours(24);

/// How old consent may be when the first octet leaves.
pub(crate) const CONSENT_AGE: Duration = Duration::from_secs(5);

/// Why a message is not sent. The words are part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    Gone,
    NoAddress,
    NotSubscribed,
    Suppressed,
    RenderError,
    Expired,
}

impl Skip {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::NoAddress => "no_address",
            Self::NotSubscribed => "not_subscribed",
            Self::Suppressed => "suppressed",
            Self::RenderError => "render_error",
            Self::Expired => "expired",
        }
    }
}

/// The address to send to, or why not: the checks that need the profile alone, in their order.
pub(crate) fn recipient(profile: Option<&Attributes>, class: Class) -> Result<&str, Skip> {
    let profile = profile.ok_or(Skip::Gone)?;
    let native = |native: Native| profile.get(native.name()).and_then(Value::as_str);
    let address = native(Native::EmailAddress)
        .filter(|it| is_deliverable(it))
        .ok_or(Skip::NoAddress)?;
    let subscribed = native(Native::EmailMarketing) == Some("subscribed");
    if class == Class::Marketing && !subscribed {
        return Err(Skip::NotSubscribed);
    }
    Ok(address)
}

/// Whether the message has waited too long. Once attempted, its retries have their own end.
pub(crate) fn is_expired(enqueued_at: Timestamp, first_attempt_at: Option<Timestamp>, now: Timestamp) -> bool {
    first_attempt_at.is_none() && enqueued_at + MAX_QUEUE_AGE < now
}

/// What could leave its header is no address.
fn is_deliverable(address: &str) -> bool {
    let hostile = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>');
    address.contains('@') && !address.contains(hostile)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(pairs: &[(Native, &str)]) -> Attributes {
        let pair = |(native, text): &(Native, &str)| (native.name().to_owned(), Value::String((*text).to_owned()));
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn marketing_needs_a_subscription_and_transactional_mail_does_not() {
        let stranger = profile(&[(Native::EmailAddress, "a@b.example")]);
        assert_eq!(recipient(Some(&stranger), Class::Marketing), Err(Skip::NotSubscribed));
        assert_eq!(recipient(Some(&stranger), Class::Transactional), Ok("a@b.example"));
        let subscriber = profile(&[
            (Native::EmailAddress, "a@b.example"),
            (Native::EmailMarketing, "subscribed"),
        ]);
        assert_eq!(recipient(Some(&subscriber), Class::Marketing), Ok("a@b.example"));
    }

    #[test]
    fn the_first_check_that_fails_gives_the_reason() {
        assert_eq!(recipient(None, Class::Marketing), Err(Skip::Gone));
        assert_eq!(
            recipient(Some(&Attributes::new()), Class::Marketing),
            Err(Skip::NoAddress)
        );
    }

    #[test]
    fn what_could_leave_its_header_is_no_address() {
        for address in ["a@b\r\nBcc: c@d", "a b@c", "nobody", "a@b\0", "<a@b>"] {
            let profile = profile(&[(Native::EmailAddress, address)]);
            assert_eq!(
                recipient(Some(&profile), Class::Transactional),
                Err(Skip::NoAddress),
                "{address:?}"
            );
        }
    }

    #[test]
    fn only_the_wait_before_the_first_attempt_expires() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let enqueued = now - Duration::from_hours(25);
        assert!(is_expired(enqueued, None, now));
        assert!(!is_expired(enqueued, Some(now - Duration::from_hours(2)), now));
        assert!(!is_expired(now - Duration::from_hours(24), None, now));
    }
}
