//! Seeded walks through random histories, with batches that are played again as after a crash between the
//! commit and the acknowledgement.

use std::collections::{HashMap, HashSet};

use chappe_ids::{EntryId, EventId, MessageId};
use chappe_kit::Timestamp;
use serde_json::json;

use super::{
    entry::Entry,
    instance::{Catalogue, Past, Verdict},
    interpreter::{self, Answers},
    testing::*,
};

/// Histories that are played.
const SEEDS: u64 = 300;

/// Batches of one history.
const BATCHES: usize = 60;

/// A generator that needs no crate: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What a database would hold.
#[derive(Default)]
struct World {
    entries: Vec<Entry>,
    processed: HashSet<EventId>,
    entered_by: HashMap<EntryId, EventId>,
    sent: HashSet<MessageId>,
    ended: HashSet<EntryId>,
}

impl World {
    /// One committed batch of events.
    fn feed(&mut self, events: &[(u128, &str)], catalogue: &Catalogue, now: Timestamp) {
        let mut person = person();
        person.entries = self.entries.iter().filter(|entry| entry.is_live()).cloned().collect();
        let past = self
            .entries
            .iter()
            .filter(|entry| !entry.is_live() && entry.sent > 0)
            .count();
        if past > 0 {
            let entries = i64::try_from(past).unwrap();
            let last_exit = None;
            person.past.insert(AUTOMATION, Past { entries, last_exit });
        }
        let known: HashSet<EntryId> = self.entries.iter().map(|entry| entry.id).collect();
        for (number, name) in events {
            let event = event(*number, name);
            if self.processed.insert(event.id) {
                let verdicts = person.decide(&event, catalogue, |_| true, now);
                let opened: Vec<_> = person
                    .entries
                    .iter()
                    .filter(|entry| entry.event.id == event.id)
                    .collect();
                let expected = verdicts
                    .iter()
                    .filter(|verdict| matches!(verdict, Verdict::Entered | Verdict::Restarted))
                    .count();
                assert_eq!(opened.len(), expected, "one entry for each event that enters");
            }
        }
        for entry in &person.entries {
            if !known.contains(&entry.id) {
                let opener = self.entered_by.insert(entry.id, entry.event.id);
                assert_eq!(opener, None, "an entry was opened twice");
            }
        }
        let messages: Vec<_> = person
            .messages
            .iter()
            .map(|message| (message.message, message.entry))
            .collect();
        self.send(&messages);
        let changed = person
            .entries
            .into_iter()
            .filter(|entry| person.changed.contains(&entry.id));
        for entry in changed.collect::<Vec<_>>() {
            self.store(entry);
        }
    }

    /// One turn of the timers.
    fn timers(&mut self, catalogue: &Catalogue, random: &mut Random, now: Timestamp) {
        let due: Vec<Entry> = self
            .entries
            .iter()
            .filter(|entry| entry.rest().is_some_and(|rest| rest.due <= now))
            .cloned()
            .collect();
        for mut entry in due {
            let answers = Answers {
                targeting: Some(random.below(10) > 0),
                branch: Some(random.below(2) == 0),
                zone: Some(chrono_tz::Tz::UTC),
            };
            let definition = &catalogue.versions[&(entry.automation, entry.version)];
            let ran = interpreter::advance(definition, &mut entry, answers, now);
            let messages: Vec<_> = ran
                .messages
                .iter()
                .map(|message| (message.message, message.entry))
                .collect();
            self.send(&messages);
            self.store(entry);
        }
    }

    fn send(&mut self, messages: &[(MessageId, EntryId)]) {
        for (message, entry) in messages {
            assert!(self.sent.insert(*message), "a step sent twice");
            assert!(!self.ended.contains(entry), "an entry sent after its end");
        }
    }

    fn store(&mut self, entry: Entry) {
        if !entry.is_live() {
            self.ended.insert(entry.id);
        }
        match self.entries.iter_mut().find(|other| other.id == entry.id) {
            Some(stored) => *stored = entry,
            None => self.entries.push(entry),
        }
    }
}

#[test]
fn histories_keep_the_rules_whatever_is_played_again() {
    for seed in 0..SEEDS {
        let outcome = std::panic::catch_unwind(|| play(seed));
        assert!(outcome.is_ok(), "the history of seed {seed} breaks a rule");
    }
}

fn play(seed: u64) {
    let mut dice = Random(seed);
    let mail = |name: &str| json!({"send": {"name": name, "template": "t", "sender": "s"}});
    let known = catalogue(&json!({
        "state": "RUNNING",
        "trigger": {"event": "buy"},
        "entry": {"parallel": dice.below(2) == 0, "maxEntries": 1 + dice.below(20)},
        "cancelOn": [{"event": "refund"}],
        "steps": [
            {"delay": "10s"}, mail("first"),
            {"branch": {"if": {"a": 1}, "then": [{"delay": "5s"}, mail("yes")], "else": [mail("no")]}},
            {"delay": "20s"}, mail("last"),
        ],
    }));
    let (mut world, mut now, mut number) = (World::default(), 0, 0);
    for _ in 0..BATCHES {
        now += dice.below(15);
        let mut batch = Vec::new();
        for _ in 0..dice.below(4) {
            number += 1;
            let name = ["buy", "buy", "refund", "other"][usize::try_from(dice.below(4)).unwrap()];
            batch.push((number, name));
        }
        world.feed(&batch, &known, after(now));
        if dice.below(3) == 0 {
            world.feed(&batch, &known, after(now + 1));
        }
        world.timers(&known, &mut dice, after(now));
    }
    let live = world.entries.iter().filter(|entry| entry.is_live()).count();
    assert_eq!(world.ended.len() + live, world.entered_by.len());
    for entry in &world.entries {
        let sent = ["first", "yes", "no", "last"]
            .into_iter()
            .filter(|step| world.sent.contains(&chappe_ids::message_id(PROJECT, entry.id, step)));
        assert_eq!(
            i64::try_from(sent.count()).unwrap(),
            entry.sent,
            "what is counted is what was sent"
        );
    }
}
