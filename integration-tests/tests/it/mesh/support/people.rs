use std::collections::VecDeque;

use serde_json::{Value as Json, json};

use super::resources::{BEGINS, Class, ENDS, TURN};

/// Most people of a call that are new.
const MOST_NEW: u64 = 2;
/// Most people of a call that have something more to say.
const MOST_AGAIN: usize = 2;
/// Most events of one person about the same reservation.
const MOST_TURNS: u64 = 4;

/// People who do things, a few in each call, always the same with the same seed.
pub(super) struct People {
    random: u64,
    /// Who has something more to say: number, said so far, to say.
    waiting: VecDeque<(usize, u64, u64)>,
    pub(super) told: Told,
}

/// What the mesh was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) people: usize,
    pub(crate) events: usize,
    /// Reservations that nothing has ended yet.
    pub(crate) held: usize,
    /// Reservations that were ended.
    pub(crate) released: usize,
}

impl People {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: seed,
            waiting: VecDeque::new(),
            told: Told::default(),
        }
    }

    /// A call: new people, and some who were there before.
    pub(super) fn next(&mut self) -> Json {
        let mut items = self.again();
        let new = 1 + self.below(MOST_NEW);
        for _ in 0..new {
            let turns = 1 + self.below(MOST_TURNS);
            items.push(self.person(turns));
        }
        Json::Array(items)
    }

    /// What is still to be said, if anything is.
    pub(super) fn rest(&mut self) -> Option<Json> {
        let items = self.again();
        (!items.is_empty()).then_some(Json::Array(items))
    }

    fn person(&mut self, turns: u64) -> Json {
        let n = self.told.people;
        self.told.people += 1;
        self.told.events += Class::ALL.len();
        let mut events: Vec<Json> = Class::ALL.iter().map(|class| json!({"name": class.event()})).collect();
        events.push(self.turn(n, 0, turns));
        let attributes = json!({"$email_address": address(n), "$email_marketing": "subscribed"});
        json!({"identifiers": {"custom_id": format!("p{n}")}, "attributes": attributes, "events": events})
    }

    fn again(&mut self) -> Vec<Json> {
        let count = self.waiting.len().min(MOST_AGAIN);
        let people: Vec<_> = self.waiting.drain(..count).collect();
        people
            .into_iter()
            .map(|(n, said, turns)| {
                let event = self.turn(n, said, turns);
                json!({"identifiers": {"custom_id": format!("p{n}")}, "events": [event]})
            })
            .collect()
    }

    /// The next event of a person: reservations begin and end in turns.
    fn turn(&mut self, n: usize, said: u64, turns: u64) -> Json {
        if said + 1 < turns {
            self.waiting.push_back((n, said + 1, turns));
        }
        self.told.events += 1;
        if said.is_multiple_of(2) {
            self.told.held += 1;
            return json!({"name": BEGINS, "attributes": {TURN: said}});
        }
        self.told.held -= 1;
        self.told.released += 1;
        json!({"name": ENDS, "attributes": {TURN: said}})
    }

    /// `SplitMix64` (Steele, Lea, Flood 2014).
    fn below(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Where a person gets mail.
pub(super) fn address(n: usize) -> String {
    format!("p{n}@example.org")
}
