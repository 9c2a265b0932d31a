//! What happened, in one table.

use std::{collections::HashMap, time::Duration};

use chappe_kit::Timestamp;
use comfy_table::Table;
use serde::Serialize;
use serde_json::Value as Json;

use super::{expect::Expected, judge::Judge, traffic::Traffic};
use crate::output;

/// The result of the demonstration.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    profiles: u64,
    events: u64,
    calls: u64,
    refused: u64,
    expected: u64,
    sent: u64,
    skipped_by_reason: Json,
    latency_ms: Latency,
    wall_seconds: f64,
    /// Reminders that had to be stopped, where the machine was too slow to tell whether they were in time.
    not_judged: usize,
    discrepancies: Vec<String>,
}

/// From the answer to the call that carried the event, to the receiver's acceptance of the mail, where nothing
/// in between has to wait.
#[derive(Debug, Serialize)]
struct Latency {
    p50: u64,
    p99: u64,
}

impl Report {
    pub(super) fn new(
        traffic: &Traffic,
        waits: &[u64],
        expected: &Expected,
        status: &Json,
        wall: Duration,
        not_judged: usize,
        discrepancies: Vec<String>,
    ) -> Self {
        let count = |value: &Json| value.as_u64().unwrap_or_default();
        Self {
            profiles: count(&status["profiles"]),
            events: count(&status["events"]),
            calls: traffic.calls,
            refused: traffic.refused,
            expected: u64::try_from(expected.mails.len()).unwrap_or(u64::MAX),
            sent: count(&status["messages"]["sent"]),
            skipped_by_reason: status["skipped_by_reason"].clone(),
            latency_ms: Latency {
                p50: percentile(waits, 50),
                p99: percentile(waits, 99),
            },
            wall_seconds: (wall.as_secs_f64() * 10.0).round() / 10.0,
            not_judged,
            discrepancies,
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.discrepancies.is_empty()
    }

    pub(crate) fn discrepancies(&self) -> &[String] {
        &self.discrepancies
    }
}

/// Milliseconds from event to mail, in order.
pub(super) fn waits(judge: &Judge, accepted: &HashMap<u64, Timestamp>) -> Vec<u64> {
    let immediate = judge
        .arrivals
        .iter()
        .filter(|((automation, _), _)| automation.is_immediate());
    let waits = immediate.filter_map(|((_, order), arrival)| {
        let micros = arrival.received_at.micros() - accepted.get(order)?.micros();
        // The mail may be faster than the answer.
        Some(u64::try_from(micros).unwrap_or_default() / 1_000)
    });
    let mut waits: Vec<u64> = waits.collect();
    waits.sort_unstable();
    waits
}

/// The nearest rank in sorted values.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// The report for people.
pub(crate) fn table(report: &Json) -> Table {
    let mut table = output::table(["what", "count"]);
    let rows = [
        ("profiles", "profiles"),
        ("events accepted", "events"),
        ("calls", "calls"),
        ("refused one by one", "refused"),
        ("e-mails expected", "expected"),
        ("e-mails sent", "sent"),
    ];
    for (what, key) in rows {
        table.add_row([what.to_owned(), output::cell(&report[key])]);
    }
    for (reason, count) in report["skipped_by_reason"].as_object().into_iter().flatten() {
        table.add_row([format!("skipped: {reason}"), output::cell(count)]);
    }
    let latency = ["p50", "p99"].map(|key| format!("{} ms", output::cell(&report["latency_ms"][key])));
    table.add_row(["event accepted to e-mail delivered, p50".to_owned(), latency[0].clone()]);
    table.add_row(["event accepted to e-mail delivered, p99".to_owned(), latency[1].clone()]);
    table.add_row([
        "all of it".to_owned(),
        format!("{} s", output::cell(&report["wall_seconds"])),
    ]);
    if report["not_judged"] != 0 {
        table.add_row([
            "stopped reminders not judged (machine too slow)".to_owned(),
            output::cell(&report["not_judged"]),
        ]);
    }
    let faults = report["discrepancies"].as_array().map_or(0, Vec::len);
    table.add_row(["discrepancies".to_owned(), faults.to_string()]);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u64> = (1..=200).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 99)), (100, 198));
        assert_eq!(
            (percentile(&[7], 50), percentile(&[7], 99), percentile(&[], 99)),
            (7, 7, 0)
        );
    }
}
