//! Locks that save work. They exclude nobody for certain.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chappe_kit::{Clock, IdGen, Timestamp};
use data_encoding::HEXLOWER;

use crate::{
    keys::{Keys, millis},
    link::Link,
    scripts,
    swept::Swept,
};

/// Bytes of a holder's token: as unguessable as a UUID.
const TOKEN: usize = 16;

/// Named locks that expire.
///
/// A lock keeps replicas from doing the same work at the same time, and nothing more: a paused holder outlives its
/// lock, and a failover of Redis forgets it. Whatever must not happen twice is fenced by the epoch of a database row.
///
/// Outage policy: [`Acquired::Unavailable`]. The caller goes on with its database lease alone.
#[derive(Clone, Debug)]
pub struct Locks {
    ids: IdGen,
    arm: Arm,
}

#[derive(Clone, Debug)]
enum Arm {
    Redis {
        link: Link,
        keys: Keys,
    },
    Memory {
        held: Arc<Mutex<Swept<Held>>>,
        clock: Clock,
    },
}

#[derive(Debug)]
struct Held {
    token: String,
    until: Timestamp,
}

/// The answer to [`Locks::acquire`].
#[derive(Debug)]
#[must_use]
pub enum Acquired {
    /// The caller holds the lock until it releases it or the time is over.
    Held(LockGuard),
    /// Somebody else holds it.
    Taken,
    /// Nobody knows: rely on the database alone.
    Unavailable,
}

/// Proof of having acquired a lock. Dropping it releases nothing: the lock then ends with its time.
#[derive(Debug)]
#[must_use]
pub struct LockGuard {
    name: String,
    token: String,
}

impl LockGuard {
    /// The name of the lock.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Locks {
    pub(crate) fn redis(link: Link, keys: Keys) -> Self {
        Self::new(Arm::Redis { link, keys })
    }

    pub(crate) fn memory(clock: Clock) -> Self {
        Self::new(Arm::Memory {
            held: Arc::default(),
            clock,
        })
    }

    fn new(arm: Arm) -> Self {
        Self {
            ids: IdGen::system(),
            arm,
        }
    }

    /// Takes a lock for `ttl` if it is free. The name ends up in a key: no personal data.
    pub async fn acquire(&self, name: &str, ttl: Duration) -> Acquired {
        let token = HEXLOWER.encode(&self.ids.secret::<TOKEN>());
        let acquired = match &self.arm {
            Arm::Redis { link, keys } => {
                let mut set = redis::cmd("SET");
                set.arg(keys.lock(name))
                    .arg(&token)
                    .arg("NX")
                    .arg("PX")
                    .arg(millis(ttl));
                match link.command::<Option<String>>(&set).await {
                    Ok(done) => done.is_some(),
                    Err(_) => return Acquired::Unavailable,
                }
            }
            Arm::Memory { held, clock } => {
                let now = clock.now();
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                let free = held.get(name).is_none_or(|lock| lock.until <= now);
                if free {
                    let lock = Held {
                        token: token.clone(),
                        until: now + ttl,
                    };
                    held.insert(name, lock, |lock| lock.until > now);
                }
                free
            }
        };
        if acquired {
            Acquired::Held(LockGuard {
                name: name.to_owned(),
                token,
            })
        } else {
            Acquired::Taken
        }
    }

    /// Gives a held lock `ttl` from now; a holder does so every third of the time. `false` when it is lost, and also
    /// when Redis cannot be reached: what cannot be confirmed is not held.
    #[must_use = "a lock that was lost must stop the work"]
    pub async fn extend(&self, lock: &LockGuard, ttl: Duration) -> bool {
        match &self.arm {
            Arm::Redis { link, keys } => scripts::extend_lock(link, &keys.lock(&lock.name), &lock.token, ttl)
                .await
                .unwrap_or(false),
            Arm::Memory { held, clock } => {
                let now = clock.now();
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                match held.get_mut(&lock.name) {
                    Some(mine) if mine.token == lock.token && mine.until > now => {
                        mine.until = now + ttl;
                        true
                    }
                    _ => false,
                }
            }
        }
    }

    /// Gives a lock back, if it is still the caller's; answers whether it was. Best effort: a lock that cannot be
    /// given back ends with its time.
    pub async fn release(&self, lock: LockGuard) -> bool {
        match &self.arm {
            Arm::Redis { link, keys } => scripts::release_lock(link, &keys.lock(&lock.name), &lock.token)
                .await
                .unwrap_or(false),
            Arm::Memory { held, clock } => {
                let now = clock.now();
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                let mine = held
                    .get(&lock.name)
                    .is_some_and(|held| held.token == lock.token && held.until > now);
                if mine {
                    held.remove(&lock.name);
                }
                mine
            }
        }
    }
}
