//! What must arrive: the rules of the three automations once more, in the smallest form, from the stories alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    customers::Customer,
    story::{Event, Story},
};

/// From this amount on the shop says thank you.
const THANKED_CENTS: u64 = 2_000;

/// An automation of the demonstration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Automation {
    ThankYou,
    OrderReceipt,
    CartReminder,
}

impl Automation {
    pub(super) const fn is_marketing(self) -> bool {
        !matches!(self, Self::OrderReceipt)
    }

    /// Whether it sends as soon as the event is there.
    pub(super) const fn is_immediate(self) -> bool {
        !matches!(self, Self::CartReminder)
    }
}

/// A mail by what it is about: there is at most one for every automation and order.
pub(super) type About = (Automation, u64);

/// The mails that must arrive, and the ones that must be skipped.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Expected {
    /// Recipient of every mail.
    pub(super) mails: HashMap<About, String>,
    /// By the reason that status tells.
    pub(super) skipped: BTreeMap<&'static str, u64>,
    /// Reminders that a purchase must stop in time.
    pub(super) stopped: BTreeSet<About>,
}

impl Expected {
    pub(super) fn of(customers: &[Customer], stories: &[Story]) -> Self {
        let mut expected = Self::default();
        for (customer, story) in customers.iter().zip(stories) {
            expected.follow(customer, story);
        }
        expected
    }

    fn follow(&mut self, customer: &Customer, story: &Story) {
        // The basket that a reminder would be about: a changed one replaces it, a purchase ends it.
        let mut basket = None;
        for event in story.iter().flatten() {
            match *event {
                Event::Viewed | Event::Bad { .. } => {}
                Event::Carted { order } => basket = Some((Automation::CartReminder, order)),
                Event::Bought { order, cents } => {
                    let stopped = basket.take().filter(|_| customer.wants_marketing());
                    self.stopped.extend(stopped);
                    self.purchase(customer, order, cents);
                }
            }
        }
        if let Some(about) = basket {
            self.send(customer, about);
        }
    }

    /// What a purchase leads to.
    pub(super) fn purchase(&mut self, customer: &Customer, order: u64, cents: u64) {
        self.send(customer, (Automation::OrderReceipt, order));
        if cents >= THANKED_CENTS {
            self.send(customer, (Automation::ThankYou, order));
        }
    }

    fn send(&mut self, customer: &Customer, about: About) {
        match &customer.address {
            None => *self.skipped.entry("no_address").or_default() += 1,
            Some(_) if about.0.is_marketing() && !customer.wants_marketing() => {
                *self.skipped.entry("not_subscribed").or_default() += 1;
            }
            Some(address) => drop(self.mails.insert(about, address.clone())),
        }
    }

    pub(super) fn skips(&self) -> u64 {
        self.skipped.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::demo::customers::Consent;

    fn expected(consent: Consent, address: Option<&str>, story: &[&[Event]]) -> Expected {
        let customer = Customer {
            id: "u1".to_owned(),
            address: address.map(ToOwned::to_owned),
            consent,
            attributes: Map::new(),
            refused: Vec::new(),
        };
        Expected::of(&[customer], &[story.iter().map(|events| events.to_vec()).collect()])
    }

    fn mails(expected: &Expected) -> Vec<About> {
        let mut mails: Vec<About> = expected.mails.keys().copied().collect();
        mails.sort();
        mails
    }

    const SMALL: Event = Event::Bought { order: 1, cents: 1_999 };
    const LARGE: Event = Event::Bought { order: 2, cents: 2_000 };
    const BASKET: Event = Event::Carted { order: 3 };

    #[test]
    fn orders_of_some_size_are_thanked_for() {
        let expected = expected(Consent::Subscribed, Some("a@b.example"), &[&[SMALL, LARGE]]);
        let about = [
            (Automation::ThankYou, 2),
            (Automation::OrderReceipt, 1),
            (Automation::OrderReceipt, 2),
        ];
        assert_eq!(mails(&expected), about);
    }

    #[test]
    fn receipts_go_to_the_unsubscribed_and_nothing_else_does() {
        for consent in [Consent::Unsubscribed, Consent::Unset] {
            let expected = expected(consent, Some("a@b.example"), &[&[LARGE, BASKET]]);
            assert_eq!(mails(&expected), [(Automation::OrderReceipt, 2)]);
            assert_eq!(expected.skipped, BTreeMap::from([("not_subscribed", 2)]));
        }
    }

    #[test]
    fn nobody_is_reached_without_an_address() {
        let expected = expected(Consent::Subscribed, None, &[&[LARGE]]);
        assert_eq!(
            (mails(&expected), expected.skipped),
            (vec![], BTreeMap::from([("no_address", 2)]))
        );
    }

    #[test]
    fn a_purchase_stops_the_reminder_and_a_changed_basket_moves_it() {
        let address = Some("a@b.example");
        for story in [&[&[BASKET, SMALL][..]][..], &[&[BASKET], &[SMALL]]] {
            let bought = expected(Consent::Subscribed, address, story);
            assert_eq!(mails(&bought), [(Automation::OrderReceipt, 1)]);
            assert_eq!(bought.stopped, BTreeSet::from([(Automation::CartReminder, 3)]));
        }
        let changed = expected(
            Consent::Subscribed,
            address,
            &[&[SMALL, BASKET, Event::Carted { order: 4 }]],
        );
        assert_eq!(
            mails(&changed),
            [(Automation::OrderReceipt, 1), (Automation::CartReminder, 4)]
        );
    }
}
