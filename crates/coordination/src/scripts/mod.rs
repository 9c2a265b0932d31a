//! The Lua scripts, each behind a typed wrapper. An unknown digest is loaded and called again by the client library.

use std::{sync::LazyLock, time::Duration};

use redis::Script;

use crate::{
    keys::{Key, millis},
    limits::Bucket,
    link::{Link, LinkError},
};

static TAKE_TOKENS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take_tokens.lua")));
static RELEASE_LOCK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("release_lock.lua")));
static EXTEND_LOCK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("extend_lock.lua")));

/// Whether the tokens were taken, and how many are left.
pub(crate) async fn take_tokens(
    link: &Link,
    key: &Key,
    bucket: &Bucket,
    cost: u64,
    longest: Duration,
) -> Result<(bool, f64), LinkError> {
    let mut call = TAKE_TOKENS.key(key);
    call.arg(bucket.rate())
        .arg(bucket.capacity)
        .arg(cost)
        .arg(millis(longest));
    link.script(&call).await
}

/// Whether the lock was held with this token until now.
pub(crate) async fn release_lock(link: &Link, key: &Key, token: &str) -> Result<bool, LinkError> {
    let mut call = RELEASE_LOCK.key(key);
    call.arg(token);
    link.script(&call).await
}

/// Whether the lock is held with this token for `ttl` from now.
pub(crate) async fn extend_lock(link: &Link, key: &Key, token: &str, ttl: Duration) -> Result<bool, LinkError> {
    let mut call = EXTEND_LOCK.key(key);
    call.arg(token).arg(millis(ttl));
    link.script(&call).await
}
