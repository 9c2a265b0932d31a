//! The bodies of calls.

use std::ops::Range;

use anyhow::Result;
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;

use crate::{
    mesh::Rest,
    sizes::{BATCH, CONNECTIONS},
};

/// The event that automations of the mail measurements wait for.
pub(crate) const TRIGGER: &str = "ordered";

/// The attributes of a person, about 300 octets. Some change from visit to visit.
pub(crate) fn attributes(person: usize, visit: usize) -> Json {
    json!({
        "firstname": "Ada",
        "lastname": "Lovelace",
        "city": "Marylebone, London",
        "loyalty_points": person % 1_000 + visit,
        "is_premium": person.is_multiple_of(7),
        "favourite_category": "difference engines and other machinery",
        "store": format!("store-{}", person % 50),
        "$email_address": address(person),
        "$email_marketing": "subscribed",
        "$language": "en",
    })
}

pub(crate) fn custom_id(person: usize) -> String {
    format!("customer-{person}")
}

pub(crate) fn address(person: usize) -> String {
    format!("customer-{person}@shop.example")
}

/// The attributes of the event that comes with an update.
pub(crate) fn view(person: usize) -> Json {
    json!({ "page": format!("/machines/{}", person % 500), "seconds": person % 90, "referrer": "newsletter" })
}

/// Bodies with the attributes of people and one event each that no automation waits for.
pub(crate) fn updates(people: Range<usize>, visit: usize) -> Result<Vec<Vec<u8>>> {
    calls(people, BATCH, |person| {
        json!({
            "identifiers": { "custom_id": custom_id(person) },
            "attributes": attributes(person, visit),
            "events": [{ "name": "page_viewed", "attributes": view(person) }],
        })
    })
}

/// Bodies with one event each that becomes a mail.
pub(crate) fn orders(people: Range<usize>, batch: usize) -> Result<Vec<Vec<u8>>> {
    calls(people, batch, |person| {
        json!({
            "identifiers": { "custom_id": custom_id(person) },
            "events": [{ "name": TRIGGER, "attributes": { "amount": 19.9 } }],
        })
    })
}

fn calls(people: Range<usize>, batch: usize, item: impl Fn(usize) -> Json) -> Result<Vec<Vec<u8>>> {
    let starts = people.clone().step_by(batch);
    let bodies = starts.map(|start| {
        let items: Vec<Json> = (start..people.end.min(start + batch)).map(&item).collect();
        Ok(serde_json::to_vec(&items)?)
    });
    bodies.collect()
}

/// Sends calls over all connections, each with its share of them.
pub(crate) async fn send(rest: &Rest, bodies: Vec<Vec<u8>>) -> Result<()> {
    let mut lanes = vec![Vec::new(); CONNECTIONS];
    for (index, body) in bodies.into_iter().enumerate() {
        lanes[index % CONNECTIONS].push(body);
    }
    let mut senders = JoinSet::new();
    for lane in lanes {
        let rest = rest.clone();
        senders.spawn(async move {
            for body in lane {
                rest.update(body).await?;
            }
            Ok(())
        });
    }
    senders.join_all().await.into_iter().collect()
}
