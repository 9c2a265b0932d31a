//! The mail pipeline, from messages that wait to messages that the relay has, beside clients that only send.

use std::{collections::VecDeque, process::Stdio};

use anyhow::{Result, bail, ensure};
use chappe_smtp::{Envelope, Outcome, Outcomes, Pool, PoolConfig};
use tokio::time::Instant;

use crate::{
    Bench,
    mesh::Mesh,
    relay::{self, Relay},
    report::{Report, median, per_second},
    sizes::{BATCH, MESSAGE_OCTETS, RELAY_CONNECTIONS},
    traffic,
};

/// The goals, as shares of the ceiling.
const PIPELINE_GOAL: f64 = 0.35;
const CLIENT_GOAL: f64 = 1.2;

/// Batches that our client has on the way at the same time: what the pipeline has.
const BATCHES_IN_FLIGHT: usize = 3;

pub(crate) async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let (mut ceiling, mut client) = (Vec::new(), Vec::new());
    for _ in 0..bench.sizes.rounds {
        ceiling.extend(smtp_source(bench.sizes.raw_messages).await?);
        client.push(our_client(bench.sizes.raw_messages).await?);
    }
    let (enqueued, sent) = pipeline(bench).await?;
    report.figure("events to waiting messages", "events/s", enqueued, None);
    let client = median(&mut client);
    if ceiling.is_empty() {
        report.figure("mail pipeline", "messages/s", sent, None);
        report.figure("our SMTP client alone", "messages/s", client, None);
        report.note("SMTP ceiling not measured: smtp-source is missing");
    } else {
        let ceiling = median(&mut ceiling);
        report.ratio("mail pipeline", "messages/s", sent, ceiling, Some(PIPELINE_GOAL));
        report.ratio(
            "our SMTP client alone",
            "messages/s",
            client,
            ceiling,
            Some(CLIENT_GOAL),
        );
    }
    Ok(())
}

/// Share of the backlog after which the relay counts as found again: how long the sender leaves alone a relay that did
/// not answer is another matter than how fast it sends.
const WARM_UP: usize = 10;

/// Events per second until their messages wait, and messages per second once the relay is open and has been found.
async fn pipeline(bench: &Bench) -> Result<(f64, f64)> {
    let relay = Relay::closed().await?;
    let mesh = Mesh::on_postgres(bench, &format!("smtp://{}", relay.address)).await?;
    mesh.apply(&bench.chappe, &resources(MESSAGE_OCTETS)).await?;
    let people = 0..bench.sizes.backlog;
    traffic::send(&mesh.rest, traffic::updates(people.clone(), 0)?).await?;

    let begun = Instant::now();
    traffic::send(&mesh.rest, traffic::orders(people.clone(), BATCH)?).await?;
    mesh.rest.enqueued(people.len()).await?;
    let enqueued = per_second(people.len(), begun.elapsed());

    let relay = relay.open().await?;
    let before = mesh.rest.sent(people.len() / WARM_UP).await?;
    let begun = Instant::now();
    let after = mesh.rest.sent(people.len()).await?;
    let sent = per_second(after - before, begun.elapsed());
    mesh.stop().await?;
    drop(relay);
    Ok((enqueued, sent))
}

/// What turns each order into a mail at once. The mail has about so many octets.
pub(crate) fn resources(octets: usize) -> String {
    let filler = "A sentence that makes the letter as long as letters are. ".repeat(octets / 57);
    format!(
        r#"
apiVersion: chappe/v1
kind: Sender
metadata: {{ name: shop }}
spec: {{ address: shop@shop.example, name: The Shop, class: marketing }}
---
apiVersion: chappe/v1
kind: Template
metadata: {{ name: thanks }}
spec: {{ subject: "Thank you, {{{{ firstname|default('you') }}}}", html: "<p>{filler}<a href='https://shop.example/'>Look</a></p>" }}
---
apiVersion: chappe/v1
kind: Automation
metadata: {{ name: thanks }}
spec:
  state: RUNNING
  trigger: {{ event: {trigger} }}
  steps: [{{ send: {{ template: thanks, sender: shop }} }}]
"#,
        trigger = traffic::TRIGGER
    )
}

/// The ceiling: Postfix's generator. Nothing if it is not installed.
async fn smtp_source(messages: usize) -> Result<Option<f64>> {
    let Some(mut source) = relay::tool("smtp-source") else {
        return Ok(None);
    };
    let relay = Relay::closed().await?.open().await?;
    let sizes = [RELAY_CONNECTIONS, MESSAGE_OCTETS, messages].map(|size| size.to_string());
    source.args(["-d", "-s", &sizes[0], "-l", &sizes[1], "-m", &sizes[2], &relay.address]);
    let begun = Instant::now();
    let ended = source.stdout(Stdio::null()).status().await?;
    ensure!(ended.success(), "smtp-source failed");
    Ok(Some(per_second(messages, begun.elapsed())))
}

/// Our own client with messages that are ready.
async fn our_client(messages: usize) -> Result<f64> {
    let relay = Relay::closed().await?.open().await?;
    let url = format!("smtp://{}", relay.address).parse()?;
    let pool = Pool::new(PoolConfig {
        max_connections: RELAY_CONNECTIONS,
        max_messages_per_connection: u32::MAX,
        ..PoolConfig::new(url, "localhost")
    })?;
    let line = format!("{}\r\n", "x".repeat(68));
    let data = line.repeat(MESSAGE_OCTETS.div_ceil(line.len())).into_bytes();
    let envelope = |tag: usize| Envelope {
        tag: tag as u128,
        mail_from: "shop@shop.example".to_owned(),
        rcpt_to: "customer@shop.example".to_owned(),
        data: data.clone(),
    };
    let begun = Instant::now();
    let mut in_flight: VecDeque<Outcomes> = VecDeque::new();
    for start in (0..messages).step_by(BATCH) {
        if in_flight.len() == BATCHES_IN_FLIGHT {
            finish(in_flight.pop_front()).await?;
        }
        in_flight.push_back(pool.send((start..messages.min(start + BATCH)).map(envelope).collect()));
    }
    for outcomes in in_flight {
        finish(Some(outcomes)).await?;
    }
    let rate = per_second(messages, begun.elapsed());
    pool.close().await;
    Ok(rate)
}

async fn finish(outcomes: Option<Outcomes>) -> Result<()> {
    let Some(outcomes) = outcomes else { return Ok(()) };
    for delivery in outcomes.all().await {
        if !matches!(delivery.outcome, Outcome::Accepted { .. }) {
            bail!("{delivery:?}");
        }
    }
    Ok(())
}
