//! Names of custom attributes and events.

use std::fmt;

/// The longest name, in characters.
pub const MAX_NAME_LENGTH: usize = 30;

/// The name of a custom attribute or of an event: 1 to 30 ASCII letters, digits and underscores, folded to
/// lower case, so that `LoyaltyTier` and `loyaltytier` are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// The text is not 1 to 30 ASCII letters, digits or underscores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 30 letters, digits or underscores")]
pub struct InvalidName;

impl Name {
    /// Checks and folds.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if (1..=MAX_NAME_LENGTH).contains(&text.len()) && text.bytes().all(known) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidName)
        }
    }

    /// The folded name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folded name, as the key of [`Attributes`](crate::Attributes).
    pub fn into_string(self) -> String {
        self.0
    }
}

impl std::str::FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Splits a wrapped key into the wrapper's word and what it wraps: `date(birthdate)` is `("date", "birthdate")`.
/// A key without parentheses at its end gives `None`. Neither half is checked.
pub fn split_wrapper(key: &str) -> Option<(&str, &str)> {
    key.strip_suffix(')')?.split_once('(')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_folded() {
        assert_eq!(Name::parse("LoyaltyTier_2").unwrap().as_str(), "loyaltytier_2");
    }

    #[test]
    fn thirty_characters_are_a_name_and_thirty_one_are_not() {
        assert!(Name::parse(&"a".repeat(30)).is_ok());
        assert_eq!(Name::parse(&"a".repeat(31)), Err(InvalidName));
    }

    #[test]
    fn anything_but_letters_digits_and_underscores_is_refused() {
        for text in ["", "a b", "a-b", "a.b", "$a", "é", "a\n", "date(a)"] {
            assert_eq!(Name::parse(text), Err(InvalidName), "{text:?}");
        }
    }

    #[test]
    fn a_wrapped_key_is_split_at_its_parentheses() {
        assert_eq!(split_wrapper("date(birthdate)"), Some(("date", "birthdate")));
        assert_eq!(split_wrapper("birthdate"), None);
        assert_eq!(split_wrapper("date(birthdate"), None);
    }
}
