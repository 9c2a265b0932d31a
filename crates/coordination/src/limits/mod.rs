//! Rate limits: token buckets.

mod arithmetic;
mod local;

use std::time::Duration;

use chappe_kit::Clock;

use crate::{keys::Keys, link::Link, scripts};

/// Longest that the state of a bucket is kept. A bucket that takes longer to fill is full again after it.
const LONGEST_STATE: Duration = Duration::from_hours(366 * 24);

/// Token buckets: a bucket starts full, refills continuously, and a call takes its whole cost or is refused and takes
/// nothing.
///
/// Outage policy: a bucket of the same size in this process, full when the outage begins. So each replica admits at
/// most what the bucket allows, and no call fails because Redis does.
#[derive(Clone, Debug)]
pub struct Limits {
    redis: Option<(Link, Keys)>,
    local: local::Buckets,
}

/// A bucket: whose, and how large.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// Whose calls it counts, such as `<project>:profiles-update`. Ends up in a key: an address goes in hashed.
    pub key: String,
    /// Tokens that flow in each second. Zero or less, or not a number, counts as one a year.
    pub rate_per_sec: f64,
    /// Tokens it holds when full, hence the largest burst.
    pub capacity: u64,
}

impl Bucket {
    /// The rate as the arithmetic needs it: more than nothing.
    pub(crate) fn rate(&self) -> f64 {
        self.rate_per_sec.max(1.0 / LONGEST_STATE.as_secs_f64())
    }
}

/// The answer to [`Limits::take`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Decision {
    /// Whether the call may go on; its cost is then taken.
    pub allowed: bool,
    /// Whole tokens left.
    pub remaining: u64,
    /// Time until the bucket is full.
    pub reset_after: Duration,
    /// For a refused call, time until the bucket holds its cost. `None` when the call is allowed, and when its cost
    /// is above the capacity: no wait would help, and the caller should be told so.
    pub retry_after: Option<Duration>,
}

impl Limits {
    pub(crate) fn redis(link: Link, keys: Keys, clock: Clock) -> Self {
        Self {
            redis: Some((link, keys)),
            local: local::Buckets::new(clock),
        }
    }

    pub(crate) fn memory(clock: Clock) -> Self {
        Self {
            redis: None,
            local: local::Buckets::new(clock),
        }
    }

    /// Takes `cost` tokens, or none at all. A cost of zero is always allowed and only reads.
    pub async fn take(&self, bucket: &Bucket, cost: u64) -> Decision {
        if let Some((link, keys)) = &self.redis {
            let key = keys.limit(&bucket.key);
            if let Ok((allowed, tokens)) = scripts::take_tokens(link, &key, bucket, cost, LONGEST_STATE).await {
                return arithmetic::decision(bucket, cost, allowed, tokens);
            }
        }
        self.local.take(bucket, cost)
    }
}
