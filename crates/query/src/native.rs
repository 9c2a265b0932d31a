//! The attributes Chappe itself gives a meaning to. A profile keeps them beside the custom ones, under their
//! `$` names: a [`String`](crate::Value::String) each, but for the topic preferences, an
//! [`Array`](crate::Value::Array).

/// The custom id, as a query names it. It is not an attribute: nothing writes it.
pub const CUSTOM_ID: &str = "$custom_id";

/// The label of an event, kept among the event's attributes as a string.
pub const LABEL: &str = "$label";

/// The tags of an event, kept among the event's attributes as an array.
pub const TAGS: &str = "$tags";

/// Longest e-mail address, in characters (RFC 5321 §4.5.3.1.3, the angle brackets included).
const MAX_ADDRESS: usize = 256;

/// A native attribute of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Native {
    /// The address e-mail goes to, as sent; compared by its [`email_key`].
    EmailAddress,
    /// `subscribed` or `unsubscribed`; absent means no marketing e-mail.
    EmailMarketing,
    /// `+` and up to 15 digits.
    PhoneNumber,
    /// `subscribed` or `unsubscribed`.
    SmsMarketing,
    /// ISO 639 language, lower case.
    Language,
    /// ISO 3166 alpha-2 region, upper case.
    Region,
    /// A name of the IANA time zone database.
    Timezone,
    /// Folded topic names.
    TopicPreferences,
}

impl Native {
    /// Every native attribute.
    pub const ALL: [Self; 8] = [
        Self::EmailAddress,
        Self::EmailMarketing,
        Self::PhoneNumber,
        Self::SmsMarketing,
        Self::Language,
        Self::Region,
        Self::Timezone,
        Self::TopicPreferences,
    ];

    /// The key it is written, read and stored under.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EmailAddress => "$email_address",
            Self::EmailMarketing => "$email_marketing",
            Self::PhoneNumber => "$phone_number",
            Self::SmsMarketing => "$sms_marketing",
            Self::Language => "$language",
            Self::Region => "$region",
            Self::Timezone => "$timezone",
            Self::TopicPreferences => "$topic_preferences",
        }
    }

    /// The native attribute of that exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|native| native.name() == name)
    }
}

/// Reads an e-mail address: a mailbox with an ASCII local part and a domain of at least two labels. Answers it
/// trimmed, or `None` for any other text.
pub fn parse_address(text: &str) -> Option<String> {
    let text = text.trim_ascii();
    let (local, domain) = text.split_once('@')?;
    let visible = |b: u8| b.is_ascii_graphic() && !b"<>@,;:\\\"()[]".contains(&b);
    let host = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
    let (rest, top) = domain.rsplit_once('.')?;
    let fits = text.len() <= MAX_ADDRESS && !local.is_empty() && !rest.is_empty() && !top.is_empty();
    let clean = local.bytes().all(visible) && rest.bytes().all(host) && top.bytes().all(|b| b.is_ascii_alphanumeric());
    (fits && clean).then(|| text.to_owned())
}

/// The form in which addresses are compared: ASCII lower case.
pub fn email_key(address: &str) -> String {
    address.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_native_attribute_is_found_by_its_name() {
        for native in Native::ALL {
            assert_eq!(Native::from_name(native.name()), Some(native));
        }
        assert_eq!(Native::from_name("$Language"), None);
        assert_eq!(Native::from_name("language"), None);
    }

    #[test]
    fn an_address_is_trimmed_and_kept_as_written() {
        assert_eq!(
            parse_address(" Jane@Example.org\n").as_deref(),
            Some("Jane@Example.org")
        );
        assert_eq!(parse_address("a+b@mail.example").as_deref(), Some("a+b@mail.example"));
    }

    #[test]
    fn what_could_leave_its_header_or_reach_nobody_is_no_address() {
        let long = format!("{}@b.example", "a".repeat(MAX_ADDRESS));
        let texts = [
            "",
            "jane",
            "@b.example",
            "a@",
            "a@b",
            "a@.example",
            "a@b.",
            "a@b@c.example",
            "a b@c.example",
        ];
        for text in texts
            .into_iter()
            .chain(["a@b.example\r\nBcc: c@d.example", "<a@b.example>", "é@b.example", &long])
        {
            assert_eq!(parse_address(text), None, "{text:?}");
        }
    }

    #[test]
    fn addresses_that_differ_in_ascii_case_have_one_key() {
        assert_eq!(email_key("Jane.Doe@Example.COM"), "jane.doe@example.com");
    }
}
