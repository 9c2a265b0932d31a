//! What every person does, in order.

use super::random::Random;

/// Events of one item; the API takes 15.
const EVENTS_PER_ITEM: usize = 4;

/// Something that happens. `order` numbers purchases and baskets through the whole demonstration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Viewed,
    Carted {
        order: u64,
    },
    Bought {
        order: u64,
        cents: u64,
    },
    /// A purchase that must be refused, and so must not lead to any mail.
    Bad {
        order: u64,
        fault: Fault,
    },
}

/// What is wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Name,
    TooOld,
    Attribute,
}

/// The events of one person, item by item.
pub(super) type Story = Vec<Vec<Event>>;

/// A story per person, with about so many events in all.
pub(super) fn write(people: usize, events: usize, random: &mut Random) -> Vec<Story> {
    let mut author = Author {
        random,
        orders: 0,
        story: Vec::new(),
    };
    shares(people, events, author.random)
        .into_iter()
        .map(|share| author.story(share))
        .collect()
}

/// Equal shares, then moved about between neighbours.
fn shares(people: usize, events: usize, random: &mut Random) -> Vec<usize> {
    let share = |person: usize| (person + 1) * events / people - person * events / people;
    let mut shares: Vec<usize> = (0..people).map(share).collect();
    for pair in shares.chunks_exact_mut(2) {
        let most = u64::try_from(pair[1]).unwrap_or_default();
        let moved = usize::try_from(random.below(most + 1)).unwrap_or_default();
        pair[0] += moved;
        pair[1] -= moved;
    }
    shares
}

struct Author<'a> {
    random: &'a mut Random,
    orders: u64,
    story: Story,
}

impl Author<'_> {
    fn story(&mut self, events: usize) -> Story {
        self.story = vec![Vec::new()];
        match self.random.below(10) {
            0 => self.ramble(events),
            1..=4 => (0..events).for_each(|_| self.buy()),
            5..=6 => self.leave(events),
            _ => self.come_back(events),
        }
        if self.random.chance(3) {
            let fault = self.random.pick(&[Fault::Name, Fault::TooOld, Fault::Attribute]);
            let order = self.order();
            self.tell(Event::Bad { order, fault });
        }
        std::mem::take(&mut self.story)
    }

    /// Looks around, buys now and then.
    fn ramble(&mut self, events: usize) {
        for _ in 0..events {
            if self.random.chance(30) {
                self.buy();
            } else {
                self.tell(Event::Viewed);
            }
        }
    }

    /// Leaves a basket behind, at the end; sometimes after having changed it.
    fn leave(&mut self, events: usize) {
        let baskets = if self.random.chance(30) { 2 } else { 1 };
        self.ramble(events.saturating_sub(baskets));
        for _ in 0..baskets.min(events) {
            self.fill_basket();
        }
    }

    /// Fills a basket and buys: within one item, or in the next call.
    fn come_back(&mut self, events: usize) {
        let Some(before) = events.checked_sub(2) else {
            return self.ramble(events);
        };
        self.ramble(before);
        self.fill_basket();
        if self.random.chance(50) {
            self.story.push(Vec::new());
        }
        self.buy();
    }

    /// Around the limit of the automation, and often on it.
    fn buy(&mut self) {
        let any = 500 + self.random.below(5_500);
        let cents = self.random.pick(&[any, any, any, 1_999, 2_000]);
        let order = self.order();
        self.tell(Event::Bought { order, cents });
    }

    fn fill_basket(&mut self) {
        let order = self.order();
        self.tell(Event::Carted { order });
    }

    fn order(&mut self) -> u64 {
        self.orders += 1;
        self.orders
    }

    fn tell(&mut self, event: Event) {
        match self.story.last_mut() {
            Some(item) if item.len() < EVENTS_PER_ITEM => item.push(event),
            _ => self.story.push(vec![event]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stories_hold_the_events_that_were_asked_for() {
        let stories = write(2_000, 6_000, &mut Random::new(1));
        let events: Vec<Event> = stories.iter().flatten().flatten().copied().collect();
        let good = events
            .iter()
            .filter(|event| !matches!(event, Event::Bad { .. }))
            .count();
        assert_eq!((stories.len(), good), (2_000, 6_000));
        for event in [Fault::Name, Fault::TooOld, Fault::Attribute] {
            assert!(
                events
                    .iter()
                    .any(|it| matches!(it, Event::Bad { fault, .. } if *fault == event))
            );
        }
        assert!(stories.iter().flatten().all(|item| item.len() <= EVENTS_PER_ITEM));
    }
}
