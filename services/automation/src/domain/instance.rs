//! Who enters, restarts or leaves on an event.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use chappe_ids::{AutomationId, EntryId, ProfileId, ProjectId};
use chappe_kit::Timestamp;

use super::{
    definition::{Definition, EventMatch, RunState},
    entry::{End, Entry, EntryEvent, Outgoing, Progress, entry_id},
    interpreter::{self, Ran},
};

/// Live entries of one person in one automation, with `parallel`.
pub(crate) const MAX_PARALLEL: usize = 100;

/// An automation as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Automation {
    pub(crate) id: AutomationId,
    pub(crate) version: i64,
    pub(crate) state: RunState,
    pub(crate) definition: Arc<Definition>,
}

/// The automations of a project, and the versions that entries are still on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    pub(crate) automations: Vec<Automation>,
    pub(crate) versions: HashMap<(AutomationId, i64), Arc<Definition>>,
}

/// What a person has behind it in one automation. Live entries are not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Past {
    /// Entries with at least one message sent.
    pub(crate) entries: i64,
    /// When the last of them ended.
    pub(crate) last_exit: Option<Timestamp>,
}

/// One person in front of the automations, as a batch of events changes it.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) project: ProjectId,
    pub(crate) profile: ProfileId,
    pub(crate) lane: u8,
    /// Entries that were live when the batch began, and those it opens.
    pub(crate) entries: Vec<Entry>,
    pub(crate) past: HashMap<AutomationId, Past>,
    /// Entries that the batch changes.
    pub(crate) changed: BTreeSet<EntryId>,
    /// Messages that the batch sends.
    pub(crate) messages: Vec<Outgoing>,
    /// Entries whose earlier messages are to be taken back.
    pub(crate) withdrawn: BTreeSet<EntryId>,
}

/// What an event did in one automation. For the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Entered,
    Restarted,
    Cancelled,
    NotTargeted,
    InsideAlready,
    TooManyInside,
    Capped,
    Grace,
}

impl Verdict {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Restarted => "restarted",
            Self::Cancelled => "cancelled",
            Self::NotTargeted => "not_targeted",
            Self::InsideAlready => "inside_already",
            Self::TooManyInside => "too_many_inside",
            Self::Capped => "capped",
            Self::Grace => "grace",
        }
    }
}

impl EventMatch {
    pub(crate) fn matches(&self, event: &EntryEvent, now: Timestamp) -> bool {
        self.event == event.name && interpreter::passes(self.filter.as_ref(), &event.attributes, now)
    }
}

impl Automation {
    /// Whether the event lets people in, if everything else does.
    pub(crate) fn is_triggered_by(&self, event: &EntryEvent, now: Timestamp) -> bool {
        self.state == RunState::Running && self.definition.trigger.matches(event, now)
    }
}

impl Person {
    pub(crate) fn new(project: ProjectId, profile: ProfileId, lane: u8) -> Self {
        Self {
            project,
            profile,
            lane,
            entries: Vec::new(),
            past: HashMap::new(),
            changed: BTreeSet::new(),
            messages: Vec::new(),
            withdrawn: BTreeSet::new(),
        }
    }

    /// Applies one event. Exits come first, so that the event that enters cannot end the same entry.
    /// `is_targeted` answers for this person and this event.
    pub(crate) fn decide(
        &mut self,
        event: &EntryEvent,
        catalogue: &Catalogue,
        is_targeted: impl Fn(AutomationId) -> bool,
        now: Timestamp,
    ) -> Vec<Verdict> {
        let mut verdicts = self.cancel(event, catalogue, now);
        for automation in &catalogue.automations {
            if automation.is_triggered_by(event, now) {
                verdicts.push(if is_targeted(automation.id) {
                    self.enter(event, automation, now)
                } else {
                    Verdict::NotTargeted
                });
            }
        }
        verdicts
    }

    /// Messages handed over earlier that will not be sent after all.
    pub(crate) fn give_back(&mut self, entry: EntryId, messages: i64) {
        if let Some(entry) = self.entries.iter_mut().find(|other| other.id == entry) {
            entry.sent = (entry.sent - messages).max(0);
        }
    }

    fn cancel(&mut self, event: &EntryEvent, catalogue: &Catalogue, now: Timestamp) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for at in 0..self.entries.len() {
            let entry = &self.entries[at];
            let definition = catalogue.versions.get(&(entry.automation, entry.version));
            let leaves =
                definition.is_some_and(|known| known.cancel_on.iter().any(|wanted| wanted.matches(event, now)));
            if entry.is_live() && leaves {
                self.end(at, now, End::Cancelled);
                verdicts.push(Verdict::Cancelled);
            }
        }
        verdicts
    }

    /// Ends an entry from outside: what it sends in this batch is dropped, what it sent before is taken back.
    fn end(&mut self, at: usize, now: Timestamp, why: End) {
        let entry = &mut self.entries[at];
        let id = entry.id;
        let before = self.messages.len();
        self.messages.retain(|message| message.entry != id);
        entry.sent -= i64::try_from(before - self.messages.len()).unwrap_or_default();
        entry.end(now, why);
        self.changed.insert(id);
        self.withdrawn.insert(id);
        let entry = entry.clone();
        self.remember(&entry);
    }

    fn enter(&mut self, event: &EntryEvent, automation: &Automation, now: Timestamp) -> Verdict {
        let rules = &automation.definition.entry;
        let inside: Vec<usize> = (0..self.entries.len())
            .filter(|&at| self.entries[at].is_live() && self.entries[at].automation == automation.id)
            .collect();
        if rules.parallel {
            if inside.len() >= MAX_PARALLEL {
                return Verdict::TooManyInside;
            }
        } else if let Some(&at) = inside.first() {
            if inside.iter().any(|&at| self.entries[at].attempted) {
                return Verdict::InsideAlready;
            }
            self.restart(at, event, automation, now);
            return Verdict::Restarted;
        }
        let past = self.past.get(&automation.id).copied().unwrap_or_default();
        let sent_inside = inside.iter().filter(|&&at| self.entries[at].sent > 0).count();
        let entries = past.entries + i64::try_from(sent_inside).unwrap_or(i64::MAX);
        if rules.max_entries.is_some_and(|most| entries >= i64::from(most)) {
            return Verdict::Capped;
        }
        let grace_ends = rules.grace_period.zip(past.last_exit).map(|(grace, exit)| exit + grace);
        if grace_ends.is_some_and(|end| now < end) {
            return Verdict::Grace;
        }
        self.open(event, automation, now);
        Verdict::Entered
    }

    fn open(&mut self, event: &EntryEvent, automation: &Automation, now: Timestamp) {
        let mut entry = Entry {
            project: self.project,
            id: entry_id(self.project, automation.id, event.id),
            automation: automation.id,
            version: automation.version,
            profile: self.profile,
            lane: self.lane,
            progress: Progress::Ended {
                at: now,
                why: End::Completed,
            },
            event: event.clone(),
            entered_at: now,
            attempted: false,
            sent: 0,
            revision: 0,
        };
        let ran = interpreter::begin(&automation.definition, &mut entry, now);
        self.entries.push(entry);
        self.settle(self.entries.len() - 1, ran);
    }

    /// From the first step again, with the new event and on the version of today.
    fn restart(&mut self, at: usize, event: &EntryEvent, automation: &Automation, now: Timestamp) {
        let entry = &mut self.entries[at];
        entry.version = automation.version;
        entry.event = event.clone();
        entry.entered_at = now;
        let ran = interpreter::begin(&automation.definition, entry, now);
        self.settle(at, ran);
    }

    fn settle(&mut self, at: usize, ran: Ran) {
        let entry = self.entries[at].clone();
        self.changed.insert(entry.id);
        self.messages.extend(ran.messages);
        self.remember(&entry);
    }

    /// Keeps an entry that has ended in mind for the next event of the batch.
    fn remember(&mut self, entry: &Entry) {
        if let Progress::Ended { at, .. } = entry.progress
            && entry.sent > 0
        {
            let past = self.past.entry(entry.automation).or_default();
            past.entries += 1;
            past.last_exit = past.last_exit.max(Some(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::domain::testing::*;

    fn spec(entry: &Json) -> Json {
        json!({
            "state": "RUNNING",
            "trigger": {"event": "buy"},
            "entry": entry,
            "cancelOn": [{"event": "refund"}],
            "steps": [
                {"delay": "10s"}, {"send": {"template": "t", "sender": "s"}}, {"delay": "10s"},
            ],
        })
    }

    fn simple() -> Catalogue {
        catalogue(&spec(&json!({})))
    }

    #[test]
    fn nobody_inside_enters() {
        let mut person = person();
        assert_eq!(happens(&mut person, &simple(), 1, "buy", NOW), [Verdict::Entered]);
        assert_eq!(live(&mut person).rest().unwrap().due, after(10));
    }

    #[test]
    fn only_a_running_automation_lets_in_but_cancels_apply_always() {
        let mut person = person();
        happens(&mut person, &simple(), 1, "buy", NOW);
        let mut stopped = simple();
        stopped.automations[0].state = RunState::Stopped;
        assert_eq!(happens(&mut person, &stopped, 2, "refund", NOW), [Verdict::Cancelled]);
        assert_eq!(happens(&mut person, &stopped, 3, "buy", NOW), []);
    }

    #[test]
    fn the_filter_and_the_targeting_decide_who_enters() {
        let mut spec = spec(&json!({}));
        spec["trigger"]["where"] = json!({"n": {"$gt": 5}});
        let catalogue = catalogue(&spec);
        let mut person = person();
        assert_eq!(happens(&mut person, &catalogue, 5, "buy", NOW), []);
        let refused = person.decide(&event(6, "buy"), &catalogue, |_| false, NOW);
        assert_eq!(refused, [Verdict::NotTargeted]);
        assert_eq!(happens(&mut person, &catalogue, 7, "buy", NOW), [Verdict::Entered]);
    }

    #[test]
    fn before_the_first_attempt_an_event_restarts_with_its_attributes() {
        let (mut person, catalogue) = (person(), simple());
        happens(&mut person, &catalogue, 1, "buy", NOW);
        assert_eq!(
            happens(&mut person, &catalogue, 2, "buy", after(5)),
            [Verdict::Restarted]
        );
        assert_eq!(person.entries.len(), 1);
        assert_eq!(live(&mut person).rest().unwrap().due, after(15));
        assert_eq!(live(&mut person).event, event(2, "buy"));
    }

    #[test]
    fn a_restart_is_on_the_version_of_today() {
        let (mut person, mut catalogue) = (person(), simple());
        happens(&mut person, &catalogue, 1, "buy", NOW);
        catalogue.automations[0].version = 2;
        happens(&mut person, &catalogue, 2, "buy", NOW);
        assert_eq!(live(&mut person).version, 2);
    }

    #[test]
    fn after_the_first_attempt_an_event_is_ignored() {
        let (mut person, catalogue) = (person(), simple());
        happens(&mut person, &catalogue, 1, "buy", NOW);
        assert_eq!(
            goes_on(&mut person, &catalogue, targeted(), after(10)).messages.len(),
            1
        );
        assert_eq!(
            happens(&mut person, &catalogue, 2, "buy", after(11)),
            [Verdict::InsideAlready]
        );
        assert_eq!(live(&mut person).event, event(1, "buy"));
    }

    #[test]
    fn parallel_opens_one_entry_for_each_event_up_to_a_hundred() {
        let catalogue = catalogue(&spec(&json!({"parallel": true})));
        let mut person = person();
        for number in 1..=100 {
            assert_eq!(happens(&mut person, &catalogue, number, "buy", NOW), [Verdict::Entered]);
        }
        assert_eq!(
            happens(&mut person, &catalogue, 101, "buy", NOW),
            [Verdict::TooManyInside]
        );
    }

    #[test]
    fn only_entries_that_sent_something_count_for_the_cap() {
        let catalogue = catalogue(&spec(&json!({"maxEntries": 1})));
        let mut person = person();
        happens(&mut person, &catalogue, 1, "buy", NOW);
        happens(&mut person, &catalogue, 2, "refund", NOW);
        assert_eq!(happens(&mut person, &catalogue, 3, "buy", NOW), [Verdict::Entered]);
        goes_on(&mut person, &catalogue, targeted(), after(10));
        happens(&mut person, &catalogue, 4, "refund", after(11));
        assert_eq!(happens(&mut person, &catalogue, 5, "buy", after(12)), [Verdict::Capped]);
    }

    #[test]
    fn live_parallel_entries_that_sent_something_count_for_the_cap() {
        let catalogue = catalogue(&spec(&json!({"parallel": true, "maxEntries": 1})));
        let mut person = person();
        happens(&mut person, &catalogue, 1, "buy", NOW);
        goes_on(&mut person, &catalogue, targeted(), after(10));
        assert_eq!(happens(&mut person, &catalogue, 2, "buy", after(11)), [Verdict::Capped]);
    }

    #[test]
    fn grace_counts_from_the_exit_and_its_end_lets_in() {
        let catalogue = catalogue(&spec(&json!({"gracePeriod": "1h"})));
        let mut person = person();
        happens(&mut person, &catalogue, 1, "buy", NOW);
        goes_on(&mut person, &catalogue, targeted(), after(10));
        happens(&mut person, &catalogue, 2, "refund", after(20));
        assert_eq!(
            happens(&mut person, &catalogue, 3, "buy", after(3_619)),
            [Verdict::Grace]
        );
        assert_eq!(
            happens(&mut person, &catalogue, 4, "buy", after(3_620)),
            [Verdict::Entered]
        );
    }

    #[test]
    fn there_is_no_grace_after_an_entry_that_sent_nothing() {
        let catalogue = catalogue(&spec(&json!({"gracePeriod": "1h"})));
        let mut person = person();
        happens(&mut person, &catalogue, 1, "buy", NOW);
        happens(&mut person, &catalogue, 2, "refund", after(1));
        assert_eq!(happens(&mut person, &catalogue, 3, "buy", after(2)), [Verdict::Entered]);
    }

    #[test]
    fn a_cancel_event_ends_the_entry_and_takes_its_messages_back() {
        let (mut person, catalogue) = (person(), simple());
        happens(&mut person, &catalogue, 1, "buy", NOW);
        goes_on(&mut person, &catalogue, targeted(), after(10));
        let id = live(&mut person).id;
        assert_eq!(
            happens(&mut person, &catalogue, 2, "refund", after(11)),
            [Verdict::Cancelled]
        );
        assert_eq!(person.withdrawn, BTreeSet::from([id]));
        assert!(!person.entries[0].is_live());
    }

    #[test]
    fn the_event_that_enters_does_not_exit_the_same_entry() {
        let mut spec = spec(&json!({}));
        spec["cancelOn"] = json!([{"event": "buy"}]);
        let catalogue = catalogue(&spec);
        let mut person = person();
        assert_eq!(happens(&mut person, &catalogue, 1, "buy", NOW), [Verdict::Entered]);
        let second = happens(&mut person, &catalogue, 2, "buy", NOW);
        assert_eq!(second, [Verdict::Cancelled, Verdict::Entered]);
    }

    #[test]
    fn what_a_batch_sends_and_cancels_is_never_sent_and_does_not_count() {
        let mut spec = spec(&json!({"maxEntries": 1}));
        spec["steps"] = json!([{"send": {"template": "t", "sender": "s"}}, {"delay": "1m"}]);
        let catalogue = catalogue(&spec);
        let mut person = person();
        happens(&mut person, &catalogue, 1, "buy", NOW);
        assert_eq!(person.messages.len(), 1);
        happens(&mut person, &catalogue, 2, "refund", NOW);
        assert_eq!(person.messages, []);
        assert_eq!(happens(&mut person, &catalogue, 3, "buy", NOW), [Verdict::Entered]);
    }
}
