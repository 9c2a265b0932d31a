//! Chance for picks and delays: nothing that anybody could gain by foreseeing.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// `SplitMix64` (Steele, Lea, Flood 2014), shared by whoever draws.
#[derive(Debug)]
pub(super) struct Dice(AtomicU64);

impl Default for Dice {
    fn default() -> Self {
        Self(AtomicU64::new(RandomState::new().build_hasher().finish()))
    }
}

impl Dice {
    /// A number below `end`; zero where nothing is below.
    pub(super) fn below(&self, end: usize) -> usize {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        let drawn = (mixed ^ (mixed >> 31)).checked_rem(end).unwrap_or_default();
        usize::try_from(drawn).unwrap_or_default()
    }
}
