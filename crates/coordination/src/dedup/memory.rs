use std::collections::{HashMap, VecDeque, hash_map::Entry};

use chappe_ids::{EventId, ProjectId};
use chappe_kit::Timestamp;

/// Marks kept in one process, about 120 bytes each. Beyond it the oldest are forgotten and the database is asked.
const CAPACITY: usize = 200_000;

type Id = (ProjectId, EventId);

/// The marks of one process.
#[derive(Debug, Default)]
pub(super) struct Marks {
    until: HashMap<Id, Timestamp>,
    /// Every id of `until` once, in the order of the first marking.
    order: VecDeque<Id>,
}

impl Marks {
    pub(super) fn seen(&self, project: ProjectId, event: EventId, now: Timestamp) -> bool {
        self.until.get(&(project, event)).is_some_and(|&until| until > now)
    }

    pub(super) fn mark(&mut self, project: ProjectId, event: EventId, until: Timestamp, now: Timestamp) {
        match self.until.entry((project, event)) {
            Entry::Occupied(mut mark) => {
                mark.insert(until);
            }
            Entry::Vacant(mark) => {
                mark.insert(until);
                self.order.push_back((project, event));
                self.forget(now);
            }
        }
    }

    /// Drops what is over at the old end, and the oldest while there are too many.
    fn forget(&mut self, now: Timestamp) {
        while let Some(oldest) = self.order.front() {
            let over = self.until.get(oldest).is_none_or(|&until| until <= now);
            if !over && self.order.len() <= CAPACITY {
                break;
            }
            self.until.remove(oldest);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const PROJECT: ProjectId = ProjectId::from_uuid(Uuid::from_u128(1));

    fn event(n: usize) -> EventId {
        EventId::from_uuid(Uuid::from_u128(n as u128))
    }

    #[test]
    fn beyond_the_capacity_the_oldest_mark_is_forgotten() {
        let (now, later) = (Timestamp::from_micros(0), Timestamp::from_micros(1));
        let mut marks = Marks::default();
        for n in 0..=CAPACITY {
            marks.mark(PROJECT, event(n), later, now);
        }
        assert!(!marks.seen(PROJECT, event(0), now));
        assert!(marks.seen(PROJECT, event(1), now));
        assert!(marks.seen(PROJECT, event(CAPACITY), now));
        assert_eq!(marks.until.len(), marks.order.len());
    }

    #[test]
    fn marks_that_are_over_leave_memory() {
        let mut marks = Marks::default();
        for n in 0..1_000_u16 {
            let now = Timestamp::from_micros(i64::from(n));
            marks.mark(PROJECT, event(n.into()), Timestamp::from_micros(i64::from(n) + 10), now);
        }
        assert_eq!((marks.until.len(), marks.order.len()), (10, 10));
    }

    #[test]
    fn marking_again_prolongs() {
        let at = Timestamp::from_micros;
        let mut marks = Marks::default();
        marks.mark(PROJECT, event(1), at(10), at(0));
        marks.mark(PROJECT, event(1), at(20), at(5));
        assert!(marks.seen(PROJECT, event(1), at(15)));
        assert_eq!(marks.order.len(), 1);
    }
}
