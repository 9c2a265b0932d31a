//! The way to the relay: after a failure it is left alone for a while, longer each time.

use std::time::Duration;

use chappe_kit::Timestamp;

/// First pause; doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is known of the way to the relay.
#[derive(Debug, Default)]
pub(crate) struct Path {
    failures: u32,
    closed_until: Option<Timestamp>,
}

/// How much may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// As much as there is.
    Open,
    /// A few, to see whether it works again.
    Probe,
    /// Nothing before this instant.
    Closed(Timestamp),
}

impl Path {
    pub(crate) fn passage(&self, now: Timestamp) -> Passage {
        match self.closed_until {
            None => Passage::Open,
            Some(until) if now < until => Passage::Closed(until),
            Some(_) => Passage::Probe,
        }
    }

    /// Whether the last that was heard is a failure.
    pub(crate) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// The relay answered about a message.
    pub(crate) fn worked(&mut self) {
        *self = Self::default();
    }

    /// The relay was not reached, or wants us to stay away. Failures that come while it is closed are the same one.
    /// Answers when to come back.
    pub(crate) fn failed(&mut self, now: Timestamp) -> Timestamp {
        if let Passage::Closed(until) = self.passage(now) {
            return until;
        }
        let pause = (FIRST_PAUSE * 2_u32.pow(self.failures.min(16))).min(LONGEST_PAUSE);
        self.failures += 1;
        let until = now + pause;
        self.closed_until = Some(until);
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    #[test]
    fn each_failure_keeps_away_longer_and_one_success_opens_again() {
        let mut path = Path::default();
        assert_eq!(path.passage(START), Passage::Open);
        let first = path.failed(START);
        assert!(path.is_failing());
        assert_eq!(path.failed(START), first);
        assert_eq!(path.passage(START), Passage::Closed(first));
        assert_eq!(path.passage(first), Passage::Probe);
        let second = path.failed(first);
        assert_eq!(second, first + FIRST_PAUSE * 2);
        for _ in 0..40 {
            let Some(until) = path.closed_until else { unreachable!() };
            path.failed(until);
        }
        let Some(until) = path.closed_until else { unreachable!() };
        assert_eq!(path.failed(until), until + LONGEST_PAUSE);
        path.worked();
        assert!(!path.is_failing());
        assert_eq!(path.passage(START), Passage::Open);
    }
}
