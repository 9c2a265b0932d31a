//! Messages per second, each side alone against another program:
//!
//! ```sh
//! smtp-sink 127.0.0.1:2525 1000 &           # from Postfix
//! cargo run --release --example throughput -- send smtp://127.0.0.1:2525 50000 5700 4
//!
//! cargo run --release --example throughput -- receive 127.0.0.1:2526 50000 &
//! smtp-source -d -s 8 -l 5700 -m 50000 127.0.0.1:2526
//! ```

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context as _, bail};
use chappe_smtp::{Envelope, Handler, Outcome, Pool, PoolConfig, Received, Receiver, Reply};
use tokio::{sync::Notify, time::Instant};

/// Messages in one batch, and batches in flight: what a delivery loop would have on the way.
const BATCH: usize = 256;
const IN_FLIGHT: usize = 4;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["send", url, count, octets, connections] => {
            send(url, count.parse()?, octets.parse()?, connections.parse()?).await
        }
        ["receive", address, count] => receive(address, count.parse()?).await,
        _ => bail!("usage: throughput send <url> <messages> <octets> <connections> | receive <address> <messages>"),
    }
}

async fn send(url: &str, count: usize, octets: usize, connections: usize) -> anyhow::Result<()> {
    let pool = Pool::new(PoolConfig {
        max_connections: connections,
        max_messages_per_connection: u32::MAX,
        ..PoolConfig::new(url.parse()?, "localhost")
    })?;
    let line = format!("{}\r\n", "x".repeat(68));
    let data = line.repeat(octets.div_ceil(line.len())).into_bytes();
    let batch_from = |first: usize| {
        let envelope = |tag: usize| Envelope {
            tag: tag as u128,
            mail_from: "bounce@sender.example".to_owned(),
            rcpt_to: "person@example.com".to_owned(),
            data: data.clone(),
        };
        (first..count.min(first + BATCH)).map(envelope).collect::<Vec<_>>()
    };

    let begin = Instant::now();
    let mut first = 0;
    let mut in_flight = std::collections::VecDeque::new();
    loop {
        while in_flight.len() < IN_FLIGHT && first < count {
            in_flight.push_back(pool.send(batch_from(first)));
            first += BATCH;
        }
        let Some(batch) = in_flight.pop_front() else { break };
        for delivery in batch.all().await {
            if !matches!(delivery.outcome, Outcome::Accepted { .. }) {
                bail!("{delivery:?}");
            }
        }
    }
    report(count, begin);
    pool.close().await;
    Ok(())
}

struct Counter {
    left: AtomicUsize,
    begun: std::sync::OnceLock<Instant>,
    done: Notify,
}

impl Handler for Counter {
    async fn on_message(&self, _: Received) -> Reply {
        self.begun.get_or_init(Instant::now);
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.done.notify_one();
        }
        Reply::accepted()
    }
}

async fn receive(address: &str, count: usize) -> anyhow::Result<()> {
    let counter = Arc::new(Counter {
        left: AtomicUsize::new(count),
        begun: std::sync::OnceLock::new(),
        done: Notify::new(),
    });
    let receiver = Receiver::bind(address).await?;
    receiver.serve(Arc::clone(&counter), counter.done.notified()).await;
    report(count, *counter.begun.get().context("no message came")?);
    Ok(())
}

fn report(count: usize, begin: Instant) {
    let seconds = begin.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a count of messages is far below 2^52")]
    let rate = count as f64 / seconds;
    println!("{count} messages in {seconds:.2} s: {rate:.0} per second");
}
