//! Marks of events that are already committed.

mod memory;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chappe_ids::{EventId, ProjectId};
use chappe_kit::{BestEffort, Clock};

use crate::{
    keys::{DEDUP_BUCKETS, Key, Keys, dedup_bucket, millis},
    link::{Link, LinkError},
};

/// Remembers events that are committed, so that a repeated one need not be brought to the database.
///
/// Outage policy: open. Unmarked means nothing; the database's unique key decides. A mark is set only after the
/// commit: a mark that outlived a rollback would be a lost event.
#[derive(Clone, Debug)]
pub struct Dedup(Arm);

#[derive(Clone, Debug)]
enum Arm {
    Redis {
        link: Link,
        keys: Keys,
    },
    Memory {
        marks: Arc<Mutex<memory::Marks>>,
        clock: Clock,
    },
}

impl Dedup {
    pub(crate) fn redis(link: Link, keys: Keys) -> Self {
        Self(Arm::Redis { link, keys })
    }

    pub(crate) fn memory(clock: Clock) -> Self {
        Self(Arm::Memory {
            marks: Arc::default(),
            clock,
        })
    }

    /// For each event, in the order given, whether it is known to be committed. One round trip whatever the number;
    /// all `false` during an outage.
    pub async fn seen(&self, project: ProjectId, events: &[EventId]) -> Vec<bool> {
        if events.is_empty() {
            return Vec::new();
        }
        match &self.0 {
            Arm::Redis { link, keys } => seen_in_redis(link, keys, project, events)
                .await
                .unwrap_or_else(|_| vec![false; events.len()]),
            Arm::Memory { marks, clock } => {
                let now = clock.now();
                let marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
                events.iter().map(|&event| marks.seen(project, event, now)).collect()
            }
        }
    }

    /// Marks events as committed for `ttl` from now. Best effort: a mark that could not be set costs one look into
    /// the database.
    pub async fn mark(&self, project: ProjectId, events: &[EventId], ttl: Duration) {
        if events.is_empty() {
            return;
        }
        match &self.0 {
            Arm::Redis { link, keys } => match mark_in_redis(link, keys, project, events, ttl).await {
                // Said once, by the breaker, for the whole outage.
                Ok(()) | Err(LinkError::Paused) => {}
                Err(error) => {
                    Err::<(), _>(error).best_effort("mark events as seen");
                }
            },
            Arm::Memory { marks, clock } => {
                let now = clock.now();
                let mut marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
                for &event in events {
                    marks.mark(project, event, now + ttl, now);
                }
            }
        }
    }
}

/// One `MGET` for each hash tag, since Redis Cluster answers a command only for keys of one slot.
async fn seen_in_redis(
    link: &Link,
    keys: &Keys,
    project: ProjectId,
    events: &[EventId],
) -> Result<Vec<bool>, LinkError> {
    let mut buckets: [Vec<usize>; DEDUP_BUCKETS as usize] = Default::default();
    for (index, &event) in events.iter().enumerate() {
        buckets[usize::from(dedup_bucket(event))].push(index);
    }
    let mut pipeline = redis::pipe();
    let asked = buckets.iter().filter(|bucket| !bucket.is_empty());
    for bucket in asked.clone() {
        let keys: Vec<Key> = bucket.iter().map(|&index| keys.mark(project, events[index])).collect();
        pipeline.mget(keys);
    }
    let answers: Vec<Vec<Option<()>>> = link.pipeline(&pipeline).await?;
    let mut seen = vec![false; events.len()];
    for (bucket, marks) in asked.zip(answers) {
        for (&index, mark) in bucket.iter().zip(marks) {
            seen[index] = mark.is_some();
        }
    }
    Ok(seen)
}

async fn mark_in_redis(
    link: &Link,
    keys: &Keys,
    project: ProjectId,
    events: &[EventId],
    ttl: Duration,
) -> Result<(), LinkError> {
    let mut pipeline = redis::pipe();
    for &event in events {
        pipeline.pset_ex(keys.mark(project, event), 1, millis(ttl)).ignore();
    }
    link.pipeline(&pipeline).await
}
