use std::sync::{Arc, Mutex, PoisonError};

use chappe_kit::{Clock, Timestamp};

use super::{
    Bucket, Decision,
    arithmetic::{self, Level},
};
use crate::swept::Swept;

/// The buckets of one process: all of them when embedded, those of an outage otherwise. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Buckets {
    levels: Arc<Mutex<Swept<Entry>>>,
    clock: Clock,
}

/// A bucket that was drawn on, and when it is full, that is, forgotten.
#[derive(Debug)]
struct Entry {
    level: Level,
    full_at: Timestamp,
}

impl Buckets {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            levels: Arc::default(),
            clock,
        }
    }

    pub(super) fn take(&self, bucket: &Bucket, cost: u64) -> Decision {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that no caller writes a time before that of the caller it follows.
        let now = self.clock.now();
        let level = levels.get(&bucket.key).map(|entry| entry.level);
        let (decision, level) = arithmetic::take(level, bucket, cost, now);
        if let Some(level) = level {
            let full_at = now + decision.reset_after;
            levels.insert(&bucket.key, Entry { level, full_at }, |entry| entry.full_at > now);
        }
        decision
    }
}
