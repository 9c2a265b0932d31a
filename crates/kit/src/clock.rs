//! Time and ids as parameters, so that a test can set them.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Where a service reads the time.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until it is set; clones share it.
    pub fn manual(at: DateTime<Utc>) -> Self {
        Self(Some(Arc::new(AtomicI64::new(at.timestamp_micros()))))
    }

    /// Now, in microseconds: PostgreSQL keeps no more, and both stores must give back what was put in.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Some(micros) => Timestamp(micros.load(Ordering::SeqCst)),
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
            None => Timestamp(Utc::now().timestamp_micros()),
        }
    }

    /// Moves a manual clock forward.
    ///
    /// # Panics
    /// On the system clock, which nobody sets.
    pub fn advance(&self, by: chrono::TimeDelta) {
        let micros = self.0.as_ref().expect("only a manual clock is advanced");
        micros.fetch_add(
            by.num_microseconds().expect("a step of less than 292,000 years"),
            Ordering::SeqCst,
        );
    }
}

const MICROS_PER_SECOND: i64 = 1_000_000;

/// An instant: microseconds since the Unix epoch, UTC. The form in which both stores keep time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch, as stored.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch, as stored.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Days since the epoch: the bucket that narrows scans by age.
    pub const fn day(self) -> i32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an i64 of microseconds holds 106 million days"
        )]
        let day = self.0.div_euclid(86_400_000_000) as i32;
        day
    }

    /// As a calendar instant.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// RFC 3339 in UTC, with a fraction only where it is not zero.
    pub fn to_rfc3339(self) -> String {
        self.to_utc().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    }
}

impl From<Timestamp> for prost_types::Timestamp {
    fn from(at: Timestamp) -> Self {
        let nanos = at.0.rem_euclid(MICROS_PER_SECOND) * 1_000;
        Self {
            seconds: at.0.div_euclid(MICROS_PER_SECOND),
            nanos: i32::try_from(nanos).expect("under a second"),
        }
    }
}

impl From<prost_types::Timestamp> for Timestamp {
    /// Finer digits than microseconds are cut.
    fn from(at: prost_types::Timestamp) -> Self {
        let micros = at.seconds.saturating_mul(MICROS_PER_SECOND);
        Self(micros.saturating_add(i64::from(at.nanos) / 1_000))
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_micros())
    }
}

impl std::ops::Add<std::time::Duration> for Timestamp {
    type Output = Self;
    fn add(self, by: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<std::time::Duration> for Timestamp {
    type Output = Self;
    fn sub(self, by: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// Where a service gets fresh ids and randomness.
#[derive(Clone, Debug, Default)]
pub struct IdGen(Option<Arc<AtomicU64>>);

impl IdGen {
    /// Version 7 UUIDs from the machine's clock and randomness.
    pub fn system() -> Self {
        Self(None)
    }

    /// A repeatable sequence, for tests and seeded simulations.
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new(AtomicU64::new(seed))))
    }

    /// A fresh id.
    pub fn uuid(&self) -> Uuid {
        match &self.0 {
            Some(next) => Uuid::from_u64_pair(0x0190_0000_0000_7000, 1 << 63 | next.fetch_add(1, Ordering::SeqCst)),
            #[expect(clippy::disallowed_methods, reason = "the one place that mints ids")]
            None => Uuid::now_v7(),
        }
    }

    /// Bytes for a secret: unguessable, also where ids are seeded.
    pub fn secret<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            // A version 4 UUID carries its fixed bits in the middle; its first and last bytes are all random.
            let random = Uuid::new_v4().into_bytes();
            let source = [
                random[0], random[1], random[2], random[3], random[12], random[13], random[14], random[15],
            ];
            chunk.copy_from_slice(&source[..chunk.len()]);
        }
        bytes
    }
}
