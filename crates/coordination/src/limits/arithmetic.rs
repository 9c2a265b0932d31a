//! The token bucket, free of clock and store. `take_tokens.lua` says the same in Redis, and one suite holds both to it.

use std::time::Duration;

use chappe_kit::Timestamp;

use super::{Bucket, Decision};

/// What fractions of a token may be lost to rounding before a call is refused for it.
const TOLERANCE: f64 = 1e-6;

/// A bucket that is not full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) tokens: f64,
    pub(super) at: Timestamp,
}

/// Takes the cost if it is there. The second part is the new level, or `None` when nothing changes.
pub(super) fn take(level: Option<Level>, bucket: &Bucket, cost: u64, now: Timestamp) -> (Decision, Option<Level>) {
    let tokens = level.map_or_else(|| float(bucket.capacity), |level| level.tokens_at(bucket, now));
    if cost == 0 || tokens + TOLERANCE < float(cost) {
        return (decision(bucket, cost, cost == 0, tokens), None);
    }
    let tokens = (tokens - float(cost)).max(0.0);
    (decision(bucket, cost, true, tokens), Some(Level { tokens, at: now }))
}

impl Level {
    /// The tokens at a later time. A clock that goes back adds nothing.
    pub(super) fn tokens_at(self, bucket: &Bucket, now: Timestamp) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "exact for 285 years of microseconds")]
        let passed = (now.micros() - self.at.micros()).max(0) as f64;
        (self.tokens + passed * bucket.rate() / 1e6).min(float(bucket.capacity))
    }
}

/// What the caller hears, from the tokens that are left.
pub(super) fn decision(bucket: &Bucket, cost: u64, allowed: bool, tokens: f64) -> Decision {
    let wait_for = |target: u64| until(float(target) - tokens, bucket.rate());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the floor of what is between zero and the capacity"
    )]
    let remaining = (tokens + TOLERANCE).max(0.0) as u64;
    Decision {
        allowed,
        remaining,
        reset_after: wait_for(bucket.capacity),
        retry_after: (!allowed && cost <= bucket.capacity).then(|| wait_for(cost)),
    }
}

/// Time in which so many tokens flow in, rounded up to a microsecond so that it is never too short.
fn until(missing: f64, rate: f64) -> Duration {
    let micros = (missing.max(0.0) * 1e6 / rate).ceil();
    Duration::try_from_secs_f64(micros / 1e6).unwrap_or(Duration::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "buckets are smaller than 2^53")]
fn float(tokens: u64) -> f64 {
    tokens as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(rate_per_sec: f64, capacity: u64) -> Bucket {
        Bucket {
            key: "test".to_owned(),
            rate_per_sec,
            capacity,
        }
    }

    #[test]
    fn waiting_as_told_is_enough_at_any_rate() {
        for rate in [0.001, 5.0 / 3600.0, 0.3, 1.0, 3.0, 7.0, 300.0, 9_999.0, 1e6] {
            let bucket = bucket(rate, 10);
            let mut now = Timestamp::from_micros(1_700_000_000_000_000);
            let mut level = take(None, &bucket, 10, now).1;
            for cost in [1, 3, 10, 7, 1, 2] {
                let (refused, unchanged) = take(level, &bucket, cost, now);
                assert!(!refused.allowed && unchanged.is_none(), "rate {rate}, cost {cost}");
                now = now + refused.retry_after.expect("the cost fits the bucket");
                let (taken, left) = take(level, &bucket, cost, now);
                assert!(taken.allowed, "rate {rate}, cost {cost}");
                level = left;
            }
        }
    }

    #[test]
    fn a_bucket_that_never_refills_says_so_with_finite_numbers() {
        for rate in [0.0, -1.0, f64::NAN] {
            let bucket = bucket(rate, 1);
            let now = Timestamp::from_micros(0);
            let (_, level) = take(None, &bucket, 1, now);
            let (refused, _) = take(level, &bucket, 1, now);
            assert!(refused.retry_after.expect("it fits") >= Duration::from_hours(365 * 24));
        }
    }

    #[test]
    fn a_clock_that_goes_back_takes_nothing_away() {
        let bucket = bucket(1.0, 10);
        let (_, level) = take(None, &bucket, 4, Timestamp::from_micros(5_000_000));
        let (decision, _) = take(level, &bucket, 0, Timestamp::from_micros(0));
        assert_eq!(decision.remaining, 6);
    }
}
