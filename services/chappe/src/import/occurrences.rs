use std::collections::{HashMap, HashSet};

use chappe_ids::EventId;

/// Counts equal rows. A row is remembered by the id it would have alone: 16 bytes, whatever is in it.
#[derive(Debug, Default)]
pub(super) struct Occurrences {
    seen: HashSet<EventId>,
    repeats: HashMap<EventId, u32>,
}

impl Occurrences {
    /// How many equal rows came before this one.
    pub(super) fn before(&mut self, id: EventId) -> u32 {
        if self.seen.insert(id) {
            return 0;
        }
        let repeats = self.repeats.entry(id).or_default();
        *repeats += 1;
        *repeats
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn equal_rows_are_counted_and_others_are_not() {
        let (a, b) = (
            EventId::from_uuid(Uuid::from_u128(1)),
            EventId::from_uuid(Uuid::from_u128(2)),
        );
        let mut occurrences = Occurrences::default();
        assert_eq!([a, b, a, a, b].map(|id| occurrences.before(id)), [0, 0, 1, 2, 1]);
    }
}
