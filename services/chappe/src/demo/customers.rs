//! The people of the demonstration.

use serde_json::{Map, Value as Json, json};

use super::random::Random;

const FIRST_NAMES: [&str; 8] = [
    "Ada",
    "Blaise",
    "Chien-Shiung",
    "Émilie",
    "Grace",
    "Øyvind",
    "Sofia",
    "Zoë",
];

/// What a person said about marketing mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    Subscribed,
    Unsubscribed,
    /// Nothing, which means no.
    Unset,
}

/// A person, and what is sent about them.
#[derive(Clone, Debug)]
pub(super) struct Customer {
    pub(super) id: String,
    /// The address that the mesh will know; none if what is sent is no address.
    pub(super) address: Option<String>,
    pub(super) consent: Consent,
    /// As sent.
    pub(super) attributes: Map<String, Json>,
    /// What must be refused of them, in order: key and reason.
    pub(super) refused: Vec<(&'static str, &'static str)>,
}

/// So many people: subscribed, unsubscribed and silent ones, some without address, some of whom nothing but
/// the id is known, and some with attributes that must be refused.
pub(super) fn generate(count: u32, random: &mut Random) -> Vec<Customer> {
    (0..count).map(|number| customer(number, random)).collect()
}

fn customer(number: u32, random: &mut Random) -> Customer {
    let mut customer = Customer {
        id: format!("demo-{number:05}"),
        address: None,
        consent: Consent::Unset,
        attributes: Map::new(),
        refused: Vec::new(),
    };
    if random.chance(5) {
        return customer;
    }
    customer.set("firstname", json!(random.pick(&FIRST_NAMES)));
    customer.set("$language", json!(random.pick(&["en", "fr", "de"])));
    customer.set("loyalty_points", json!(random.below(5_000)));
    customer.consent = random.pick(&[
        Consent::Subscribed,
        Consent::Subscribed,
        Consent::Subscribed,
        Consent::Unsubscribed,
        Consent::Unset,
    ]);
    match customer.consent {
        Consent::Subscribed => customer.set("$email_marketing", json!("subscribed")),
        Consent::Unsubscribed => customer.set("$email_marketing", json!("unsubscribed")),
        Consent::Unset => {}
    }
    match random.below(20) {
        0 => {}
        1 => customer.refuse("$email_address", json!("not-an-address"), "invalid email address"),
        _ => {
            let address = format!("{}@customers.example", customer.id);
            customer.set("$email_address", json!(address));
            customer.address = Some(address);
        }
    }
    match random.below(30) {
        0 => customer.refuse("nickname", json!(""), "string must hold 1 to 300 characters"),
        1 => customer.refuse("date(birthdate)", json!("tomorrow"), "invalid date"),
        2 => customer.refuse("favourite colour", json!("blue"), "invalid attribute name"),
        _ => {}
    }
    customer
}

impl Customer {
    /// Whether marketing mail reaches this person.
    pub(super) fn wants_marketing(&self) -> bool {
        self.consent == Consent::Subscribed && self.address.is_some()
    }

    fn set(&mut self, key: &str, value: Json) {
        self.attributes.insert(key.to_owned(), value);
    }

    fn refuse(&mut self, key: &'static str, value: Json, reason: &'static str) {
        self.set(key, value);
        self.refused.push((key, reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_everybody_the_demonstration_needs() {
        let customers = generate(2_000, &mut Random::new(1));
        let some = |test: fn(&Customer) -> bool| customers.iter().filter(|customer| test(customer)).count() > 20;
        assert!(some(|it| it.consent == Consent::Subscribed && it.address.is_some()));
        assert!(some(|it| it.consent == Consent::Subscribed && it.address.is_none()));
        assert!(some(|it| it.consent == Consent::Unsubscribed && it.address.is_some()));
        assert!(some(|it| it.consent == Consent::Unset && it.address.is_some()));
        assert!(some(|it| it.attributes.is_empty()));
        assert!(some(|it| !it.refused.is_empty()));
    }
}
