use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chappe_testkit::Mail;

use super::{
    people::{Told, address},
    resources::Class,
};

/// A mail by its class and its recipient: in these tests nobody gets two of a kind.
pub(crate) type Letter = (String, String);

/// What was asked for, and what came.
#[derive(Debug)]
pub(crate) struct Ledger {
    title: &'static str,
    events: usize,
    expected: usize,
    sent: usize,
    /// Came more than once.
    pub(crate) doubled: BTreeSet<Letter>,
    /// Never came.
    pub(crate) lost: BTreeSet<Letter>,
    /// Came, and nobody had asked for it.
    unasked: BTreeSet<Letter>,
}

impl Ledger {
    pub(super) fn new(title: &'static str, told: Told, mails: &[Mail]) -> Self {
        let letters = Class::ALL
            .into_iter()
            .flat_map(|class| (0..told.people).map(move |n| (class.name().to_owned(), address(n))));
        let expected: BTreeSet<Letter> = letters.collect();
        let mut came: BTreeMap<Letter, Vec<&str>> = BTreeMap::new();
        for mail in mails {
            let letter = (mail.subject.clone(), mail.to.clone());
            came.entry(letter).or_default().push(&mail.message_id);
        }
        for (letter, ids) in &came {
            let ids: BTreeSet<_> = ids.iter().collect();
            assert_eq!(ids.len(), 1, "what comes again is the same mail, {letter:?} is not");
        }
        let more_than_once = came.iter().filter(|(_, ids)| ids.len() > 1);
        Self {
            title,
            events: told.events,
            expected: expected.len(),
            sent: mails.len(),
            doubled: more_than_once.map(|(letter, _)| letter.clone()).collect(),
            lost: expected
                .iter()
                .filter(|letter| !came.contains_key(*letter))
                .cloned()
                .collect(),
            unasked: came.into_keys().filter(|letter| !expected.contains(letter)).collect(),
        }
    }

    /// Every mail once.
    pub(crate) fn assert_exact(&self) {
        assert!(self.doubled.is_empty() && self.lost.is_empty(), "{self:#?}");
        self.assert_only_asked_for();
    }

    /// Every mail once, except that of the ambiguous ones some may have come twice and others, which are not vital and
    /// listed as unknown, never.
    pub(crate) fn assert_exact_except(&self, ambiguous: &BTreeSet<Letter>, unknown: &BTreeSet<Letter>) {
        let of = |class: Class, letters: &BTreeSet<Letter>| letters.iter().any(|(name, _)| name == class.name());
        assert!(self.doubled.is_subset(ambiguous), "{self:#?} {ambiguous:#?}");
        assert!(unknown.is_subset(ambiguous), "{unknown:#?} {ambiguous:#?}");
        assert!(self.lost.is_subset(unknown), "{self:#?} {unknown:#?}");
        assert!(!of(Class::Marketing, &self.doubled), "{self:#?}");
        assert!(!of(Class::Transactional, unknown), "{unknown:#?}");
        assert!(!of(Class::Transactional, &self.lost), "{self:#?}");
        self.assert_only_asked_for();
    }

    fn assert_only_asked_for(&self) {
        assert!(self.unasked.is_empty(), "{self:#?}");
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "{}: {} events acknowledged, {} mails expected, {} sent, {} doubled, {} lost",
            self.title,
            self.events,
            self.expected,
            self.sent,
            self.doubled.len(),
            self.lost.len(),
        )
    }
}
