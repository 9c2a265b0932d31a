//! `chappe demo`: the whole mesh under real traffic, and a judge who knows what must come of it.

mod calls;
mod customers;
mod engage;
mod expect;
mod judge;
mod random;
pub(crate) mod report;
mod settle;
mod story;
mod traffic;

use std::{slice, time::Duration};

use anyhow::{Context, Result};
use chappe_kit::Clock;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use self::{
    customers::{Consent, Customer},
    expect::{Automation, Expected},
    judge::Judge,
    random::Random,
    report::Report,
    traffic::Traffic,
};
use crate::{capture::Mailbox, client::Client, resource::document};

const RESOURCES: &str = include_str!("resources.yaml");
/// Calls on their way at the same time.
const LANES: usize = 4;
/// How long a reminder waits (`resources.yaml`).
const REMINDER_DELAY: Duration = Duration::from_secs(3);
/// A purchase that is thanked for.
const LARGE_CENTS: u64 = 5_000;

/// How much is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) customers: u32,
    pub(crate) events: u32,
    /// Events a second.
    pub(crate) rate: u32,
    pub(crate) seed: u64,
}

/// Runs the demonstration against a fresh mesh.
pub(crate) async fn run(client: &Client, mailbox: &Mailbox, size: Size) -> Result<Report> {
    let begun = Instant::now();
    apply_resources(client).await?;

    let clock = Clock::system();
    let mut random = Random::new(size.seed);
    let mut customers = customers::generate(size.customers, &mut random);
    let stories = story::write(customers.len(), usize::try_from(size.events)?, &mut random);
    let mut expected = Expected::of(&customers, &stories);
    let lanes = calls::build(&customers, &stories, LANES, clock.now(), &mut random);

    let bar = stage("sending events", size.events.into());
    let mut traffic = traffic::send(client, &clock, &lanes, size.rate, &bar).await?;
    bar.finish();

    let bar = stage("receiving e-mails", u64::try_from(expected.mails.len())?);
    let mut judge = Judge::default();
    settle::settle(client, mailbox, &mut judge, &expected, &bar).await?;
    let engaged = engage(client, mailbox, &judge, &mut customers, &mut expected, &mut traffic).await?;
    bar.set_length(u64::try_from(expected.mails.len())?);
    let status = settle::settle(client, mailbox, &mut judge, &expected, &bar).await?;
    bar.finish();

    let waits = report::waits(&judge, &traffic.accepted);
    // A purchase stops a reminder if it is accepted before the reminder is due.
    let is_slow = traffic.longest_gap > REMINDER_DELAY;
    let mut discrepancies = traffic.discrepancies.clone();
    discrepancies.extend(engaged);
    discrepancies.extend(judge.verdict(&expected, is_slow));
    discrepancies.extend(wrong_counts(&status, &customers, &traffic, &expected, is_slow));
    let not_judged = if is_slow { expected.stopped.len() } else { 0 };
    Ok(Report::new(
        &traffic,
        &waits,
        &expected,
        &status,
        begun.elapsed(),
        not_judged,
        discrepancies,
    ))
}

async fn apply_resources(client: &Client) -> Result<()> {
    let documents = document::parse("resources.yaml", RESOURCES)?;
    let resources: Vec<Json> = documents.iter().map(document::Document::to_json).collect();
    let body = json!({ "dry_run": false, "resources": resources });
    let applied = client.post("/chappe/v1/resources:apply", &body).await;
    applied.context("applying the resources of the demonstration")?;
    Ok(())
}

/// A click, an opt-out, and another purchase of the person who opted out: a receipt, and no thank-you. Answers
/// what went wrong.
async fn engage(
    client: &Client,
    mailbox: &Mailbox,
    judge: &Judge,
    customers: &mut [Customer],
    expected: &mut Expected,
    traffic: &mut Traffic,
) -> Result<Vec<String>> {
    let Some(recipients) = engage::choose(judge) else {
        return Ok(Vec::new());
    };
    let address = expected.mails.get(&recipients.unsubscribes);
    let customer = customers
        .iter_mut()
        .find(|customer| customer.address.is_some() && customer.address.as_ref() == address);
    let Some(customer) = customer else {
        return Ok(Vec::new());
    };
    let click = engage::click(mailbox, judge, recipients.clicks).await?;
    let opt_out = engage::unsubscribe(client, mailbox, judge, recipients.unsubscribes, &customer.id).await?;
    customer.consent = Consent::Unsubscribed;

    let order = traffic.accepted.keys().max().copied().unwrap_or_default() + 1;
    let purchase = calls::purchase("demo-after-opt-out", order, LARGE_CENTS);
    let item = json!({ "identifiers": { "custom_id": customer.id }, "events": [purchase] });
    traffic::post(client, slice::from_ref(&item)).await?;
    traffic.events += 1;
    expected.purchase(customer, order, LARGE_CENTS);
    debug_assert!(!expected.mails.contains_key(&(Automation::ThankYou, order)));
    Ok(click.into_iter().chain(opt_out).collect())
}

/// What the mesh counts must be what was sent.
fn wrong_counts(
    status: &Json,
    customers: &[Customer],
    traffic: &Traffic,
    expected: &Expected,
    is_slow: bool,
) -> Vec<String> {
    let messages = &status["messages"];
    let mut counts = vec![
        ("profiles", &status["profiles"], json!(customers.len())),
        ("events", &status["events"], json!(traffic.events)),
        ("bounced e-mails", &messages["bounced"], json!(0)),
        ("e-mails of unknown fate", &messages["unknown"], json!(0)),
        ("parked events", &status["parked"], json!(0)),
    ];
    if !is_slow {
        counts.push(("sent e-mails", &messages["sent"], json!(expected.mails.len())));
        counts.push(("skipped e-mails", &status["skipped_by_reason"], json!(expected.skipped)));
    }
    let wrong = counts.into_iter().filter(|(_, told, right)| *told != right);
    wrong
        .map(|(what, told, right)| format!("status tells {told} {what} instead of {right}"))
        .collect()
}

/// A progress bar for people; a line where there is no terminal.
fn stage(what: &'static str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:18} {bar:40} {pos}/{len} {elapsed}");
    let bar = ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(what);
    if bar.is_hidden() {
        eprintln!("{what}: {length}");
    }
    bar
}
