//! When a deferred message is tried again, and when it is given up.

use std::time::Duration;

use chappe_kit::Timestamp;

use super::message::Class;

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// The steps of a class; the last one repeats.
const TRANSACTIONAL: [Duration; 5] = [minutes(1), minutes(5), minutes(15), minutes(30), minutes(60)];
const MARKETING: [Duration; 5] = [minutes(5), minutes(15), minutes(60), minutes(120), minutes(240)];

/// How long after the first attempt a message is given up.
pub(crate) const fn give_up_after(class: Class) -> Duration {
    match class {
        Class::Transactional => Duration::from_hours(24),
        Class::Marketing => Duration::from_hours(72),
    }
}

/// When to try again after `attempts` attempts, or `None` when it is over. `jitter` runs from 0 to 65,535 and
/// spreads the try over the whole step, so that what failed together does not come back together.
pub(crate) fn next_attempt(
    class: Class,
    attempts: i64,
    first_attempt_at: Timestamp,
    now: Timestamp,
    jitter: u16,
) -> Option<Timestamp> {
    let steps = match class {
        Class::Transactional => TRANSACTIONAL,
        Class::Marketing => MARKETING,
    };
    let index = usize::try_from(attempts.max(1) - 1)
        .unwrap_or(usize::MAX)
        .min(steps.len() - 1);
    let due = now + steps[index] / u32::from(u16::MAX) * u32::from(jitter);
    (due < first_attempt_at + give_up_after(class)).then_some(due)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    #[test]
    fn a_try_falls_within_the_step_of_its_class() {
        let at = |class, attempts| next_attempt(class, attempts, START, START, u16::MAX).unwrap();
        assert!(at(Class::Transactional, 1) <= START + minutes(1));
        assert!(at(Class::Transactional, 1) > START + minutes(1) - Duration::from_secs(1));
        assert!(at(Class::Marketing, 2) > START + minutes(14));
        assert!(at(Class::Marketing, 99) <= START + minutes(240));
        assert_eq!(next_attempt(Class::Marketing, 1, START, START, 0), Some(START));
    }

    #[test]
    fn it_ends_with_the_patience_of_the_class() {
        let late = START + Duration::from_hours(25);
        assert_eq!(next_attempt(Class::Transactional, 30, START, late, 9), None);
        assert!(next_attempt(Class::Marketing, 9, START, late, 9).is_some());
        assert_eq!(
            next_attempt(Class::Marketing, 9, START, START + Duration::from_hours(72), 0),
            None
        );
    }
}
