//! The stories as calls of `POST /2.11/profiles/update`, with what each answer must refuse.

use std::time::Duration;

use chappe_kit::Timestamp;
use serde_json::{Value as Json, json};

use super::{
    customers::Customer,
    random::Random,
    story::{Event, Fault, Story},
};

/// People in one call, besides an id that nobody may have; with it a call stays below 200 items, and below a second.
const PEOPLE_PER_CALL: usize = 49;
/// Older than a live event may be.
const TOO_OLD: Duration = Duration::from_hours(48);
/// Ids that stand for nobody (Batch's SDKs refuse them).
const NOBODY: [&str; 3] = ["null", "undefined", "[object Object]"];

/// One call.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) body: Vec<Json>,
    /// The `errors` of the answer, exactly.
    pub(super) errors: Vec<Json>,
    /// Purchases and baskets that are accepted with it.
    pub(super) orders: Vec<u64>,
    /// Events that are accepted with it.
    pub(super) events: u64,
}

/// Cuts the stories into lanes. The calls of a lane go one after the other; a person is in one lane only, and
/// the items of a story are in calls that follow each other.
pub(super) fn build(
    customers: &[Customer],
    stories: &[Story],
    lanes: usize,
    now: Timestamp,
    random: &mut Random,
) -> Vec<Vec<Call>> {
    let mut people: Vec<Vec<(&Customer, &Story)>> = vec![Vec::new(); lanes];
    for (at, person) in customers.iter().zip(stories).enumerate() {
        // Neighbours share their events out among themselves (`story`), so they share a lane.
        people[at / 2 % lanes].push(person);
    }
    let mut builder = Builder {
        now,
        random,
        views: 0,
        call: Call::default(),
    };
    people.iter().map(|people| builder.lane(people)).collect()
}

struct Builder<'a> {
    now: Timestamp,
    random: &'a mut Random,
    views: u64,
    call: Call,
}

impl Builder<'_> {
    fn lane(&mut self, people: &[(&Customer, &Story)]) -> Vec<Call> {
        let mut calls = Vec::new();
        for group in people.chunks(PEOPLE_PER_CALL) {
            let rounds = group.iter().map(|(_, story)| story.len()).max().unwrap_or_default();
            calls.extend((0..rounds).map(|round| self.round(group, round)));
        }
        calls
    }

    fn round(&mut self, group: &[(&Customer, &Story)], round: usize) -> Call {
        let nobody = self.random.below(u64::try_from(group.len()).unwrap_or_default());
        for (at, (customer, story)) in (0..).zip(group) {
            if at == nobody {
                self.nobody();
            }
            if let Some(events) = story.get(round) {
                self.person(customer, events, round == 0);
            }
        }
        std::mem::take(&mut self.call)
    }

    fn person(&mut self, customer: &Customer, events: &[Event], is_first: bool) {
        let mut item = json!({ "identifiers": { "custom_id": customer.id } });
        if is_first {
            item["attributes"] = customer.attributes.clone().into();
            for (key, reason) in &customer.refused {
                self.refuse("attribute", reason, key);
            }
        }
        let events: Vec<Json> = events
            .iter()
            .enumerate()
            .map(|(at, event)| self.event(at, *event))
            .collect();
        if !events.is_empty() {
            item["events"] = events.into();
        }
        self.call.body.push(item);
    }

    /// An item that must be refused as a whole, purchase included.
    fn nobody(&mut self) {
        let id = self.random.pick(&NOBODY);
        let event = purchase("demo-nobody", 0, 5_000);
        let index = self.call.body.len();
        self.call.errors.push(json!({
            "category": "identifier", "bulk_index": index, "reason": "custom_id is blocklisted",
        }));
        self.call
            .body
            .push(json!({ "identifiers": { "custom_id": id }, "events": [event] }));
    }

    fn event(&mut self, at: usize, event: Event) -> Json {
        match event {
            Event::Viewed => {
                self.views += 1;
                self.call.events += 1;
                json!({ "name": "page_viewed", "$id": format!("demo-view-{}", self.views) })
            }
            Event::Carted { order } => {
                self.accept(order);
                json!({ "name": "added_to_cart", "$id": id(order), "attributes": { "order": order } })
            }
            Event::Bought { order, cents } => {
                self.accept(order);
                purchase(&id(order), order, cents)
            }
            Event::Bad { order, fault } => self.bad(at, order, fault),
        }
    }

    fn bad(&mut self, at: usize, order: u64, fault: Fault) -> Json {
        let mut event = purchase(&id(order), order, 5_000);
        let (reason, below) = match fault {
            Fault::Name => {
                event["name"] = "validated-purchase".into();
                ("invalid event name", "name")
            }
            Fault::TooOld => {
                event["time"] = (self.now - TOO_OLD).to_rfc3339().into();
                ("time is more than 24 hours old", "time")
            }
            Fault::Attribute => {
                event["attributes"]["coupon"] = "".into();
                ("string must hold 1 to 300 characters", "attributes.coupon")
            }
        };
        self.refuse("event", reason, &format!("events[{at}].{below}"));
        event
    }

    fn accept(&mut self, order: u64) {
        self.call.orders.push(order);
        self.call.events += 1;
    }

    /// Expects a fault in the item that comes next.
    fn refuse(&mut self, category: &str, reason: &str, attribute: &str) {
        let index = self.call.body.len();
        let error = json!({ "category": category, "bulk_index": index, "reason": reason, "attribute": attribute });
        self.call.errors.push(error);
    }
}

fn id(order: u64) -> String {
    format!("demo-order-{order}")
}

/// A purchase under an id of its own, so that sending it again changes nothing.
pub(super) fn purchase(id: &str, order: u64, cents: u64) -> Json {
    let amount: f64 = format!("{}.{:02}", cents / 100, cents % 100)
        .parse()
        .unwrap_or_default();
    json!({ "name": "validated_purchase", "$id": id, "attributes": { "order": order, "amount": amount } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{customers, story};

    #[test]
    fn every_call_keeps_to_the_limits_and_every_event_is_in_one() {
        let mut random = Random::new(1);
        let customers = customers::generate(2_000, &mut random);
        let stories = story::write(2_000, 6_000, &mut random);
        let lanes = build(&customers, &stories, 4, Timestamp::default(), &mut random);
        let calls: Vec<&Call> = lanes.iter().flatten().collect();
        assert!(
            calls
                .iter()
                .all(|call| call.body.len() <= 200 && !call.errors.is_empty())
        );
        assert_eq!(calls.iter().map(|call| call.events).sum::<u64>(), 6_000);
        for category in ["identifier", "attribute", "event"] {
            assert!(
                calls
                    .iter()
                    .flat_map(|call| &call.errors)
                    .any(|error| error["category"] == category)
            );
        }
    }

    #[test]
    fn errors_point_at_the_item_that_has_them() {
        let mut random = Random::new(1);
        let customers = customers::generate(500, &mut random);
        let stories = story::write(500, 1_500, &mut random);
        let lanes = build(&customers, &stories, 1, Timestamp::default(), &mut random);
        for call in lanes.iter().flatten() {
            for error in call.errors.iter().filter(|error| error["category"] == "attribute") {
                let index = usize::try_from(error["bulk_index"].as_u64().unwrap()).unwrap();
                assert!(
                    call.body[index]["attributes"]
                        .get(error["attribute"].as_str().unwrap())
                        .is_some()
                );
            }
        }
    }

    #[test]
    fn an_amount_is_written_without_loss() {
        assert_eq!(purchase("x", 1, 1_999)["attributes"]["amount"], json!(19.99));
        assert_eq!(purchase("x", 1, 2_000)["attributes"]["amount"], json!(20.0));
    }
}
