//! The keys in Redis. Every kind has its letter, its value and a lifetime:
//!
//! | key | value | lifetime |
//! | --- | --- | --- |
//! | `{prefix}:d:{<project>:<bucket>}:<event>` | `1` | given by the caller of `mark` |
//! | `{prefix}:l:{<name>}` | the holder's token | the lease |
//! | `{prefix}:r:{<bucket>}` | `<tokens> <microseconds>` | until the bucket is full again |
//!
//! The braces are written into the key: Redis Cluster hashes only what is between them.

use std::{sync::Arc, time::Duration};

use chappe_ids::{EventId, ProjectId};
use redis::{RedisWrite, ToRedisArgs, ToSingleRedisArg};

/// Slots over which the marks of one project spread, so that one large tenant is not one hot node.
pub(crate) const DEDUP_BUCKETS: u8 = 16;

/// A finished key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(String);

impl ToRedisArgs for Key {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        out.write_arg(self.0.as_bytes());
    }
}

impl ToSingleRedisArg for Key {}

/// Makes keys under the prefix of this installation.
#[derive(Clone, Debug)]
pub(crate) struct Keys(Arc<str>);

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Self(prefix.into())
    }

    /// The mark of an event that is committed.
    pub(crate) fn mark(&self, project: ProjectId, event: EventId) -> Key {
        Key(format!(
            "{}:d:{{{}:{:x}}}:{}",
            self.0,
            project.as_uuid().simple(),
            dedup_bucket(event),
            event.as_uuid().simple()
        ))
    }

    /// A lock.
    pub(crate) fn lock(&self, name: &str) -> Key {
        Key(format!("{}:l:{{{name}}}", self.0))
    }

    /// The state of a rate limit.
    pub(crate) fn limit(&self, bucket: &str) -> Key {
        Key(format!("{}:r:{{{bucket}}}", self.0))
    }

    /// The channel on which hints travel between replicas; nothing is stored.
    pub(crate) fn hints(&self) -> Key {
        Key(format!("{}:h", self.0))
    }
}

/// Which of its project's slots an event's mark is in. The last byte is random in ids of version 4, 5 and 7.
pub(crate) fn dedup_bucket(event: EventId) -> u8 {
    event.as_uuid().as_bytes()[15] % DEDUP_BUCKETS
}

/// A lifetime as Redis takes it: whole milliseconds, at least one, since zero is an error.
pub(crate) fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis())
        .unwrap_or(u64::MAX)
        .clamp(1, LONGEST_MILLIS)
}

/// A hundred years: Redis adds the lifetime to its clock and refuses what overflows.
const LONGEST_MILLIS: u64 = 100 * 366 * 86_400_000;

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn keys_carry_the_prefix_and_one_hash_tag() {
        let keys = Keys::new("chappe");
        let project = ProjectId::from_uuid(Uuid::from_u128(1));
        let event = EventId::from_uuid(Uuid::from_u128(0x1f));
        assert_eq!(
            keys.mark(project, event).0,
            "chappe:d:{00000000000000000000000000000001:f}:0000000000000000000000000000001f"
        );
        assert_eq!(keys.lock("scheduler").0, "chappe:l:{scheduler}");
        assert_eq!(keys.limit("p:default").0, "chappe:r:{p:default}");
        assert_eq!(keys.hints().0, "chappe:h");
    }

    #[test]
    fn lifetimes_stay_inside_what_redis_accepts() {
        assert_eq!(millis(Duration::ZERO), 1);
        assert_eq!(millis(Duration::from_micros(1_500)), 1);
        assert_eq!(millis(Duration::MAX), LONGEST_MILLIS);
    }
}
