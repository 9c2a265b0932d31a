//! Clocks that differ, and who else goes by ours.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::Timestamp;

/// How far two clocks may be apart before services stop trusting each other's tokens.
pub const MAX_SKEW: Duration = Duration::from_mins(1);

/// From where on people are told: far more than NTP leaves, and than a slow answer explains.
pub const NOTABLE_SKEW: Duration = Duration::from_secs(5);

/// How far one clock is from another, in microseconds; positive where the first is ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew(i64);

impl Skew {
    /// Of two readings at the same moment.
    pub const fn between(ours: Timestamp, theirs: Timestamp) -> Self {
        Self(ours.micros().saturating_sub(theirs.micros()))
    }

    /// Of a reading that took from `before` to `after` by our clock: what the journey explains is no skew.
    pub const fn measured(before: Timestamp, theirs: Timestamp, after: Timestamp) -> Self {
        if theirs.micros() < before.micros() {
            Self::between(before, theirs)
        } else if theirs.micros() > after.micros() {
            Self::between(after, theirs)
        } else {
            Self(0)
        }
    }

    /// How far, whichever way.
    pub const fn size(self) -> Duration {
        Duration::from_micros(self.0.unsigned_abs())
    }

    /// For metrics: in seconds, positive where the first clock is ahead.
    #[expect(clippy::cast_precision_loss, reason = "exact for skews of less than two centuries")]
    pub const fn seconds(self) -> f64 {
        self.0 as f64 / 1_000_000.0
    }
}

/// `60 min ahead of`, `9 s behind`. Rounded, so that the same skew reads the same each time it is measured.
impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, side) = (
            self.size().as_secs_f64().round(),
            if self.0 < 0 { "behind" } else { "ahead of" },
        );
        match seconds {
            ..120.0 => write!(f, "{seconds:.0} s {side}"),
            120.0..7_200.0 => write!(f, "{:.0} min {side}", seconds / 60.0),
            _ => write!(f, "{:.0} h {side}", seconds / 3_600.0),
        }
    }
}

/// Remembers when another process last proved to go by our clock: it made a token that is good here, or took ours.
/// Clones share it.
#[derive(Clone, Debug)]
pub struct Witness(Arc<Memory>);

#[derive(Debug)]
struct Memory {
    began: Instant,
    /// Milliseconds from the beginning, plus one; zero for never.
    last: AtomicU64,
}

impl Default for Witness {
    fn default() -> Self {
        Self(Arc::new(Memory {
            began: Instant::now(),
            last: AtomicU64::new(0),
        }))
    }
}

impl Witness {
    /// Somebody agrees, now.
    pub fn note(&self) {
        self.0.last.store(self.elapsed() + 1, Ordering::Relaxed);
    }

    /// Whether somebody agreed within this time.
    pub fn agreed_within(&self, time: Duration) -> bool {
        match self.0.last.load(Ordering::Relaxed) {
            0 => false,
            last => Duration::from_millis((self.elapsed() + 1).saturating_sub(last)) <= time,
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_skew_reads_the_same_however_often_it_is_measured() {
        let blink = Duration::from_millis(3);
        for ours in [NOON + HOUR, NOON + HOUR + blink, NOON + HOUR - blink] {
            assert_eq!(Skew::between(ours, NOON).to_string(), "60 min ahead of");
        }
        assert_eq!(Skew::between(NOON, NOON + HOUR * 5).to_string(), "5 h behind");
        assert_eq!(Skew::between(NOON, NOON + HOUR / 400).to_string(), "9 s behind");
    }

    #[test]
    fn a_slow_answer_is_no_skew() {
        let slow = Duration::from_secs(20);
        assert_eq!(
            Skew::measured(NOON, NOON + slow / 2, NOON + slow).size(),
            Duration::ZERO
        );
        assert_eq!(Skew::measured(NOON, NOON - slow, NOON + slow).size(), slow);
        assert_eq!(Skew::measured(NOON, NOON + slow * 3, NOON + slow).size(), slow * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_witness_is_forgotten() {
        let witness = Witness::default();
        assert!(!witness.agreed_within(HOUR));
        witness.clone().note();
        assert!(witness.agreed_within(MAX_SKEW));
        tokio::time::advance(MAX_SKEW * 2).await;
        assert!(!witness.agreed_within(MAX_SKEW));
    }
}
