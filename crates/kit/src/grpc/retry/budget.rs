use std::sync::atomic::{AtomicU32, Ordering};

/// What a first call adds; one retry costs five times as much: at most 20 % of the calls are retries.
const DEPOSIT: u32 = 1;
const COST: u32 = 5;
/// Retries in a row that a client which was long without failures may make.
const RESERVE: u32 = 100;

/// Keeps the calls that are made once more in proportion to those that are made: when a peer is overloaded, retries
/// must not be what keeps it so.
#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(RESERVE * COST))
    }
}

impl Budget {
    /// A call is made.
    pub(super) fn deposit(&self) {
        let add = |tokens: u32| (tokens < RESERVE * COST).then_some(tokens + DEPOSIT);
        // A full one takes no more.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Whether it may be made once more.
    pub(super) fn withdraw(&self) -> bool {
        let take = |tokens: u32| tokens.checked_sub(COST);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_calls_pay_for_one_retry_once_the_reserve_is_gone() {
        let budget = Budget::default();
        assert_eq!((0..1_000).filter(|_| budget.withdraw()).count(), 100);
        (0..50).for_each(|_| budget.deposit());
        assert_eq!((0..1_000).filter(|_| budget.withdraw()).count(), 10);
    }
}
