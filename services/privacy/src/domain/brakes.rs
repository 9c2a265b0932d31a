//! The safety brakes of an inactivity run. All must pass, and each reports its number.

use std::time::Duration;

use chappe_kit::Timestamp;
use serde::{Deserialize, Serialize};

/// One brake, with the number it looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Brake {
    pub(crate) name: String,
    pub(crate) tripped: bool,
    pub(crate) detail: String,
}

/// What the brakes look at.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    pub(crate) population: i64,
    pub(crate) candidates: i64,
    pub(crate) newest_accepted_at: Option<Timestamp>,
    pub(crate) database_time: Timestamp,
    /// The service's clock, whatever instant the run counts back from.
    pub(crate) now: Timestamp,
    pub(crate) cutoff: Timestamp,
    pub(crate) kill_switch: bool,
}

/// What the numbers must not exceed.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) ratio: f64,
    pub(crate) deletions: i64,
    pub(crate) silence: Duration,
    pub(crate) clock_drift: Duration,
}

/// Tries every brake.
pub(crate) fn evaluate(numbers: &Numbers, limits: &Limits) -> Vec<Brake> {
    vec![
        ratio(numbers, limits.ratio),
        absolute(numbers.candidates, limits.deletions),
        freshness(numbers, limits.silence),
        clock(numbers, limits.clock_drift),
        kill_switch(numbers.kill_switch),
    ]
}

/// Most profiles that may be deleted out of a population.
pub(crate) fn allowance(population: i64, limits: &Limits) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a share of the population is at most the population"
    )]
    let near = (float(population) * limits.ratio) as i64;
    // The product may be rounded either way; the share itself is what the brake compares.
    let within = |count: &i64| share(*count, population) <= limits.ratio;
    let most = (near.saturating_sub(1)..=near.saturating_add(1))
        .rev()
        .find(within)
        .unwrap_or(0);
    most.clamp(0, population).min(limits.deletions)
}

pub(crate) fn kill_switch(on: bool) -> Brake {
    brake("kill_switch", on, if on { "on".to_owned() } else { "off".to_owned() })
}

/// The brake that stops a run whose allowance is used up while there is more to delete.
pub(crate) fn used_up(deleted: i64, allowed: i64, left: i64) -> Brake {
    let detail = format!("{deleted} of at most {allowed} profiles are deleted, and {left} more have become inactive");
    brake("absolute", true, detail)
}

fn ratio(numbers: &Numbers, max_ratio: f64) -> Brake {
    let share = share(numbers.candidates, numbers.population);
    let detail = format!(
        "{} of {} profiles are {:.2} %, at most {:.2} % may go",
        numbers.candidates,
        numbers.population,
        share * 100.0,
        max_ratio * 100.0
    );
    brake("ratio", share > max_ratio, detail)
}

fn absolute(candidates: i64, most: i64) -> Brake {
    brake(
        "absolute",
        candidates > most,
        format!("{candidates} profiles, at most {most} may go in one run"),
    )
}

/// A broken pipeline makes everybody inactive.
fn freshness(numbers: &Numbers, max_silence: Duration) -> Brake {
    let hours = max_silence.as_secs() / 3_600;
    let (stale, seen) = match numbers.newest_accepted_at {
        Some(newest) => (
            numbers.now - max_silence >= newest,
            format!("the newest write was accepted at {}", newest.to_rfc3339()),
        ),
        None => (true, "no write was ever accepted".to_owned()),
    };
    brake(
        "freshness",
        stale && numbers.population > 0,
        format!("{seen}, at most {hours} h ago is required"),
    )
}

fn clock(numbers: &Numbers, max_drift: Duration) -> Brake {
    let drift = Duration::from_micros(numbers.database_time.micros().abs_diff(numbers.now.micros()));
    let has_drifted = drift >= max_drift;
    let is_ahead = numbers.cutoff > numbers.now;
    let detail = if is_ahead && !has_drifted {
        format!("the cutoff {} is in the future", numbers.cutoff.to_rfc3339())
    } else {
        format!(
            "the clocks of database and service differ by {:.1} s, less than {} s is required",
            drift.as_secs_f64(),
            max_drift.as_secs()
        )
    };
    brake("clock", has_drifted || is_ahead, detail)
}

fn brake(name: &str, tripped: bool, detail: String) -> Brake {
    Brake {
        name: name.to_owned(),
        tripped,
        detail,
    }
}

fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 profiles")]
fn float(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
    const HOUR: Duration = Duration::from_hours(1);

    fn numbers() -> Numbers {
        Numbers {
            population: 100,
            candidates: 5,
            newest_accepted_at: Some(NOW - HOUR),
            database_time: NOW,
            now: NOW,
            cutoff: NOW - 24 * 395 * HOUR,
            kill_switch: false,
        }
    }

    fn limits() -> Limits {
        Limits {
            ratio: 0.05,
            deletions: 1_000,
            silence: 24 * HOUR,
            clock_drift: Duration::from_mins(1),
        }
    }

    fn tripped(change: impl Fn(&mut Numbers)) -> Vec<String> {
        let mut numbers = numbers();
        change(&mut numbers);
        let brakes = evaluate(&numbers, &limits());
        assert_eq!(brakes.len(), 5);
        brakes
            .into_iter()
            .filter(|brake| brake.tripped)
            .map(|brake| brake.name)
            .collect()
    }

    #[test]
    fn a_share_equal_to_the_limit_passes() {
        assert!(tripped(|_| {}).is_empty());
        assert_eq!(tripped(|n| n.candidates = 6), ["ratio"]);
        assert!(tripped(|n| (n.population, n.candidates) = (0, 0)).is_empty());
    }

    #[test]
    fn the_absolute_number_counts_whatever_the_share() {
        assert!(tripped(|n| (n.population, n.candidates) = (100_000, 1_000)).is_empty());
        assert_eq!(
            tripped(|n| (n.population, n.candidates) = (100_000, 1_001)),
            ["absolute"]
        );
    }

    #[test]
    fn silence_trips_unless_there_is_nobody() {
        assert!(tripped(|n| n.newest_accepted_at = Some(NOW - 23 * HOUR)).is_empty());
        assert_eq!(tripped(|n| n.newest_accepted_at = Some(NOW - 24 * HOUR)), ["freshness"]);
        assert_eq!(tripped(|n| n.newest_accepted_at = None), ["freshness"]);
        assert!(tripped(|n| (n.population, n.candidates, n.newest_accepted_at) = (0, 0, None)).is_empty());
    }

    #[test]
    fn clocks_that_differ_and_a_cutoff_ahead_trip() {
        let minute = Duration::from_mins(1);
        assert!(tripped(|n| n.database_time = NOW + minute / 2).is_empty());
        assert_eq!(tripped(|n| n.database_time = NOW + minute), ["clock"]);
        assert_eq!(tripped(|n| n.database_time = NOW - minute), ["clock"]);
        assert_eq!(tripped(|n| n.cutoff = NOW + minute), ["clock"]);
    }

    #[test]
    fn the_kill_switch_trips() {
        assert_eq!(tripped(|n| n.kill_switch = true), ["kill_switch"]);
    }

    #[test]
    fn the_allowance_is_the_largest_number_that_the_brakes_pass() {
        for percent in 0..=100_u32 {
            let limits = Limits {
                ratio: f64::from(percent) / 100.0,
                ..limits()
            };
            assert_eq!(allowance(100, &limits), i64::from(percent));
            assert_eq!(allowance(0, &limits), 0);
            assert_eq!(allowance(1_000_000_000, &limits), if percent == 0 { 0 } else { 1_000 });
        }
    }
}
