//! From the answer to an event until the receiver has accepted the mail.

use std::{collections::HashMap, ops::Range, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use chappe_smtp::{Handler, Received, Receiver, Reply};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use crate::{
    Bench, mail,
    mesh::{Mesh, Rest},
    report::{Goal, Report, float, milliseconds, per_second},
    sizes::{BATCH, Sizes},
    traffic,
};

/// Milliseconds for all but one of a hundred.
const GOAL: f64 = 250.0;

/// Octets of a mail: a short one, for this is about time.
const OCTETS: usize = 1_000;

/// Events of one call under steady load.
const SMALL_BATCH: usize = 10;

/// How long mails may take to arrive.
const PATIENCE: Duration = Duration::from_mins(2);

/// When the mail to each address was accepted.
#[derive(Default)]
struct Arrivals(watch::Sender<HashMap<String, Instant>>);

impl Handler for Arrivals {
    async fn on_message(&self, message: Received) -> Reply {
        let now = Instant::now();
        self.0.send_modify(|arrivals| {
            for recipient in message.rcpt_to {
                arrivals.insert(recipient, now);
            }
        });
        Reply::accepted()
    }
}

impl Arrivals {
    async fn when(&self, count: usize) -> Result<()> {
        let mut arrivals = self.0.subscribe();
        let waited = timeout(PATIENCE, arrivals.wait_for(|arrivals| arrivals.len() >= count)).await;
        let there = self.0.borrow().len();
        waited.with_context(|| format!("{there} of {count} mails arrived in {PATIENCE:?}"))??;
        Ok(())
    }
}

pub(crate) async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let receiver = Receiver::bind("127.0.0.1:0").await?;
    let relay = format!("smtp://{}", receiver.local_addr()?);
    let arrivals = Arc::new(Arrivals::default());
    let mut server = JoinSet::new();
    server.spawn(receiver.serve(Arc::clone(&arrivals), std::future::pending()));
    let mesh = Mesh::on_postgres(bench, &relay).await?;
    mesh.apply(&bench.chappe, &mail::resources(OCTETS)).await?;

    let saturation = saturate(&mesh.rest, &arrivals, &bench.sizes).await?;
    let mut latencies = steady(&mesh.rest, &arrivals, &bench.sizes, saturation / 2.0).await?;
    latencies.sort_unstable();
    let percentile = |percent: usize| milliseconds(latencies[(latencies.len() - 1) * percent / 100]);
    report.figure("event to mail, saturated", "mails/s", saturation, None);
    report.figure("event to mail at half of it, p50", "ms", percentile(50), None);
    report.figure(
        "event to mail at half of it, p99",
        "ms",
        percentile(99),
        Some(Goal::Below(GOAL)),
    );
    mesh.stop().await
}

/// Mails per second while more events come than can be sent.
async fn saturate(rest: &Rest, arrivals: &Arrivals, sizes: &Sizes) -> Result<f64> {
    let people = 0..sizes.flood;
    traffic::send(rest, traffic::updates(people.clone(), 0)?).await?;
    let bodies = traffic::orders(people.clone(), BATCH)?;
    let begun = Instant::now();
    traffic::send(rest, bodies).await?;
    arrivals.when(people.len()).await?;
    Ok(per_second(people.len(), begun.elapsed()))
}

/// Sends events at an even pace, whether or not the calls before have been answered.
async fn steady(rest: &Rest, arrivals: &Arrivals, sizes: &Sizes, rate: f64) -> Result<Vec<Duration>> {
    let period = Duration::from_secs_f64(float(SMALL_BATCH) / rate);
    let calls = usize::try_from(sizes.steady.as_nanos() / period.as_nanos())?;
    let people = sizes.flood..sizes.flood + calls * SMALL_BATCH;
    traffic::send(rest, traffic::updates(people.clone(), 0)?).await?;

    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = JoinSet::new();
    let starts = people.clone().step_by(SMALL_BATCH);
    for (start, body) in starts.zip(traffic::orders(people.clone(), SMALL_BATCH)?) {
        ticks.tick().await;
        let rest = rest.clone();
        sent.spawn(async move {
            rest.update(body).await?;
            Ok((start..start + SMALL_BATCH, Instant::now()))
        });
    }
    let answered: Result<Vec<(Range<usize>, Instant)>> = sent.join_all().await.into_iter().collect();
    arrivals.when(people.end).await?;
    let arrivals = arrivals.0.borrow();
    let latency = |person: usize, answered: Instant| {
        let arrived = arrivals.get(&traffic::address(person)).context("a mail is missing")?;
        // A mail may be there before the answer is.
        Ok(arrived.saturating_duration_since(answered))
    };
    let each = answered?
        .into_iter()
        .flat_map(|(people, at)| people.map(move |person| (person, at)));
    each.map(|(person, at)| latency(person, at)).collect()
}
