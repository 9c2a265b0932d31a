//! What a refusal says about the address (RFC 3463, batch-rest §16.4).

use chappe_smtp::Enhanced;

/// The class of a final refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bounce {
    /// The address does not exist: nothing is sent to it again.
    Hard,
    /// Policy or reputation: about us, not about the person.
    Block,
    /// Everything else, what we do not understand included.
    Soft,
}

impl Bounce {
    /// The native event.
    pub(crate) const fn event(self) -> &'static str {
        match self {
            Self::Hard => "email_hard_bounce",
            Self::Block => "email_block_bounce",
            Self::Soft => "email_soft_bounce",
        }
    }
}

/// How servers without enhanced codes say that nobody lives there.
const UNKNOWN_USER: [&str; 6] = [
    "user unknown",
    "unknown user",
    "no such user",
    "no such recipient",
    "mailbox not found",
    "recipient address rejected: undeliverable",
];

/// How they say that they do not want us.
const POLICY: [&str; 5] = ["blocked", "blacklist", "blocklist", "spam", "policy"];

/// Classes a refusal for good.
pub(crate) fn classify(code: u16, enhanced: Option<Enhanced>, text: &str) -> Bounce {
    if let Some(Enhanced { subject, detail, .. }) = enhanced.filter(|it| (it.subject, it.detail) != (0, 0)) {
        return match (subject, detail) {
            (1, 7 | 8) | (7, _) => Bounce::Block,
            (1, _) => Bounce::Hard,
            _ => Bounce::Soft,
        };
    }
    let text = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match code {
        550 | 551 | 553 if says(&UNKNOWN_USER) => Bounce::Hard,
        550 | 554 if says(&POLICY) => Bounce::Block,
        _ => Bounce::Soft,
    }
}

/// Whether a temporary refusal speaks of the path to the server, not of the message: its attempt does not count.
pub(crate) fn is_about_the_path(code: u16, enhanced: Option<Enhanced>) -> bool {
    code == 421 || enhanced.is_some_and(|it| it.subject == 7)
}

#[cfg(test)]
mod tests {
    use chappe_smtp::Reply;

    use super::*;

    fn class_of(enhanced: &str) -> Bounce {
        classify(550, Reply::new(550, enhanced, "").enhanced, "")
    }

    #[test]
    fn enhanced_codes_decide() {
        assert_eq!(class_of("5.1.1"), Bounce::Hard);
        assert_eq!(class_of("5.1.10"), Bounce::Hard);
        assert_eq!(class_of("5.1.8"), Bounce::Block);
        assert_eq!(class_of("5.7.1"), Bounce::Block);
        assert_eq!(class_of("5.2.2"), Bounce::Soft);
        assert_eq!(class_of("5.4.4"), Bounce::Soft);
    }

    #[test]
    fn without_a_code_only_plain_words_condemn_an_address() {
        assert_eq!(classify(550, None, "No such user here"), Bounce::Hard);
        assert_eq!(classify(550, None, "5.0.0 go away, spam"), Bounce::Block);
        assert_eq!(classify(550, None, "not today"), Bounce::Soft);
        assert_eq!(classify(554, None, "no such user"), Bounce::Soft);
    }
}
