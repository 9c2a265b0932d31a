//! Accelerators shared by the replicas of a service: dedup marks, locks, rate limits and wake-ups.
//!
//! Each has two arms, one over Redis and one inside the process; the second is what the one-process form ships with.
//! Neither ever decides what is correct: without Redis everything goes on, more slowly. The README has the policy of
//! each for outages.

mod config;
mod dedup;
mod hints;
mod keys;
mod limits;
mod link;
mod locks;
mod scripts;
mod swept;

use chappe_kit::{Clock, Error};

pub use config::CoordinationConfig;
pub use dedup::Dedup;
pub use hints::{Hints, Waiter};
pub use limits::{Bucket, Decision, Limits};
pub use locks::{Acquired, LockGuard, Locks};

use keys::Keys;
use link::Link;

/// Everything that the parts of a service coordinate through. Clones share it.
#[derive(Clone, Debug)]
pub struct Coordination {
    /// Marks of committed events.
    pub dedup: Dedup,
    /// Locks that save work.
    pub locks: Locks,
    /// Token buckets.
    pub limits: Limits,
    /// Wake-ups.
    pub hints: Hints,
    /// One connection for each concern, so that a slow one does not starve the others.
    links: Vec<Link>,
}

/// Whether the accelerators are at hand. For metrics and status output; readiness never depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// There is no Redis: everything is inside this process.
    InProcess,
    /// Redis answers.
    Up,
    /// Redis does not answer, for this cause; everything goes on without it.
    Down(String),
}

impl Coordination {
    /// Over the Redis of the configuration, or inside this process if it names none. Connections are made on first
    /// use, so an unreachable Redis does not stop the start. Must be called inside a tokio runtime. Fails with
    /// `INVALID_FIELD` on a URL or prefix that can never work.
    pub fn connect(config: &CoordinationConfig, clock: Clock) -> Result<Self, Error> {
        if config.redis_url.is_empty() {
            return Ok(Self::in_process(clock));
        }
        if !config.has_valid_prefix() {
            return Err(Error::invalid_field(
                "coordination.key_prefix",
                "may hold letters, digits, '-', '_', '.' and ':', and at least one of them",
            ));
        }
        let client = link::client(config.redis_url.expose())?;
        let keys = Keys::new(&config.key_prefix);
        let link = |concern| Link::new(&client, config, concern);
        let (dedup, locks, limits, hints) = (link("dedup")?, link("locks")?, link("limits")?, link("hints")?);
        Ok(Self {
            links: vec![dedup.clone(), locks.clone(), limits.clone(), hints.clone()],
            dedup: Dedup::redis(dedup, keys.clone()),
            locks: Locks::redis(locks, keys.clone()),
            limits: Limits::redis(limits, keys.clone(), clock),
            hints: Hints::redis(hints, keys),
        })
    }

    /// Inside this process: one replica, nothing to install.
    pub fn in_process(clock: Clock) -> Self {
        Self {
            dedup: Dedup::memory(clock.clone()),
            locks: Locks::memory(clock.clone()),
            limits: Limits::memory(clock),
            hints: Hints::memory(),
            links: Vec::new(),
        }
    }

    /// Whether the last operation over each connection had an answer; where it had none, or was not lately, Redis is asked,
    /// as quick as the configured timeout.
    pub async fn status(&self) -> Status {
        if self.links.is_empty() {
            return Status::InProcess;
        }
        let answers = self.links.iter().map(Link::look);
        let answers = futures_util::future::join_all(answers).await;
        let cause = answers.into_iter().find_map(Result::err);
        cause.map_or(Status::Up, Status::Down)
    }
}
