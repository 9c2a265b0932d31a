//! What a batch of edits makes of the profiles it names.
//!
//! The database says what is known and which events are new; everything between is decided here. Folding a batch
//! comes to the same as folding its edits one by one.

use std::collections::{BTreeMap, HashMap, HashSet};

use chappe_ids::{EventId, ProfileId};
use chappe_kit::Timestamp;
use chappe_query::Applied;

use crate::domain::{
    edit::{Edit, Event, Origin},
    profile::Profile,
};

/// What the database says about the profiles and events of a batch, read under the locks of the profiles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Those that are there.
    pub(crate) profiles: HashMap<ProfileId, Profile>,
    /// Those that must not come back, and where they moved to if they were merged.
    pub(crate) retired: HashMap<ProfileId, Option<ProfileId>>,
    /// Those whose custom id is blocked.
    pub(crate) blocked: HashSet<ProfileId>,
    /// Names of events that automations care about.
    pub(crate) interests: HashSet<String>,
}

/// What became of one edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EditResult {
    pub(crate) state: State,
    pub(crate) events_applied: u32,
    pub(crate) events_duplicate: u32,
}

/// Whether an edit reached its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Yes; or there was nothing to do, or its data is to be discarded, which is a success too.
    Applied,
    /// The profile was deleted.
    Gone,
    /// The profile was merged into this one.
    Moved(ProfileId),
}

/// What to write, and what to answer.
#[derive(Debug, Default)]
pub(crate) struct Outcome<'a> {
    /// One per edit, in order.
    pub(crate) results: Vec<EditResult>,
    /// Profiles that were not there, by id.
    pub(crate) created: Vec<Profile>,
    /// Profiles that were there and have changed, by id.
    pub(crate) changed: Vec<Profile>,
    /// The latest activity of each profile that had some, by id.
    pub(crate) active: Vec<(ProfileId, Timestamp)>,
    /// Events for automations.
    pub(crate) feed: Vec<FeedEvent<'a>>,
    /// New names that a full profile could not take.
    pub(crate) dropped_attributes: u64,
}

impl Outcome<'_> {
    /// Whether no edit has to be sent again to another profile.
    pub(crate) fn is_final(&self) -> bool {
        self.results.iter().all(|result| result.state == State::Applied)
    }
}

/// An event that some automation cares about, with its place in the history of its profile.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FeedEvent<'a> {
    pub(crate) profile: ProfileId,
    pub(crate) custom_id: Option<String>,
    pub(crate) version: i64,
    pub(crate) index: i64,
    pub(crate) event: &'a Event,
}

/// The events to store, by id and each id once: the first edit that brings it has it. The database says which
/// of them are new.
pub(crate) fn storable<'a>(edits: &'a [Edit], origin: Origin, known: &Known) -> Vec<(ProfileId, &'a Event)> {
    let mut seen = HashSet::new();
    let mut events: Vec<_> = edits
        .iter()
        .filter(|edit| known.accepts(edit, origin))
        .flat_map(|edit| edit.events.iter().map(|event| (edit.profile, event)))
        .filter(|(_, event)| seen.insert(event.id))
        .collect();
    events.sort_unstable_by_key(|(_, event)| event.id);
    events
}

/// Applies the edits in order. `fresh` are the ids of the events that were not there before.
pub(crate) fn fold(
    edits: &[Edit],
    origin: Origin,
    known: Known,
    fresh: HashSet<EventId>,
    accepted_at: Timestamp,
) -> Outcome<'_> {
    let verdict = |edit| (known.state(edit), known.accepts(edit, origin));
    let verdicts: Vec<_> = edits.iter().map(verdict).collect();
    let mut fold = Fold {
        origin,
        fresh,
        accepted_at,
        interests: known.interests,
        touched: known
            .profiles
            .into_iter()
            .map(|(id, profile)| (id, profile.into()))
            .collect(),
        outcome: Outcome::default(),
    };
    for (edit, (state, accepted)) in edits.iter().zip(verdicts) {
        let (applied, duplicate) = if accepted { fold.apply(edit) } else { (0, 0) };
        fold.outcome.results.push(EditResult {
            state,
            events_applied: applied,
            events_duplicate: duplicate,
        });
    }
    fold.finish()
}

impl Known {
    fn state(&self, edit: &Edit) -> State {
        match self.retired.get(&edit.profile) {
            None => State::Applied,
            Some(None) => State::Gone,
            Some(Some(to)) => State::Moved(*to),
        }
    }

    /// Whether the edit may have an effect.
    fn accepts(&self, edit: &Edit, origin: Origin) -> bool {
        let exists = origin.creates() || self.profiles.contains_key(&edit.profile);
        exists && self.state(edit) == State::Applied && !self.blocked.contains(&edit.profile)
    }
}

struct Fold<'a> {
    origin: Origin,
    fresh: HashSet<EventId>,
    accepted_at: Timestamp,
    interests: HashSet<String>,
    touched: BTreeMap<ProfileId, Touched>,
    outcome: Outcome<'a>,
}

/// A profile on its way through a batch.
struct Touched {
    profile: Profile,
    version_before: i64,
    active_at: Option<Timestamp>,
}

impl<'a> Fold<'a> {
    /// Applies an edit. Tells how many of its events were new, and how many were not.
    fn apply(&mut self, edit: &'a Edit) -> (u32, u32) {
        let touched = self.touched.entry(edit.profile);
        let touched = touched.or_insert_with(|| Profile::new(edit.profile, self.accepted_at).into());
        let created = touched.profile.version == 0;
        let attached = touched.attach(edit.custom_id.as_deref());
        let (edited, dropped) = touched.edit_attributes(edit);
        let fresh = &mut self.fresh;
        let (new, repeated): (Vec<_>, Vec<_>) = edit.events.iter().partition(|event| fresh.remove(&event.id));
        let feeds = |event: &Event| self.origin.feeds() && self.interests.contains(&event.name);

        // Events that nobody waits for have no place among the others, and leave the row of the profile alone.
        if created || attached || edited || new.iter().any(|event| feeds(event)) {
            touched.profile.version += 1;
        }
        // An edit that only names its profile is no activity, unless it made it.
        if created || !edit.attributes.is_empty() || !new.is_empty() {
            touched.active_at = touched.active_at.max(edit.active_at);
        }
        let counts = (count(&new), count(&repeated));
        self.outcome.dropped_attributes += dropped;
        let wanted = (0..).zip(new).filter(|(_, event)| feeds(event));
        self.outcome.feed.extend(wanted.map(|(index, event)| FeedEvent {
            profile: edit.profile,
            custom_id: touched.profile.custom_id.clone(),
            version: touched.profile.version,
            index,
            event,
        }));
        counts
    }

    fn finish(mut self) -> Outcome<'a> {
        for (id, touched) in self.touched {
            if let Some(at) = touched.active_at {
                self.outcome.active.push((id, at));
            }
            if touched.profile.version > touched.version_before {
                match touched.version_before {
                    0 => self.outcome.created.push(touched.profile),
                    _ => self.outcome.changed.push(touched.profile),
                }
            }
        }
        self.outcome
    }
}

impl From<Profile> for Touched {
    fn from(profile: Profile) -> Self {
        Self {
            version_before: profile.version,
            profile,
            active_at: None,
        }
    }
}

impl Touched {
    /// Identifies an anonymous profile. A custom id never changes.
    fn attach(&mut self, custom_id: Option<&str>) -> bool {
        let attaches = self.profile.custom_id.is_none() && custom_id.is_some();
        if attaches {
            self.profile.custom_id = custom_id.map(str::to_owned);
        }
        attaches
    }

    /// Whether an attribute changed, and how many new names there was no room for.
    fn edit_attributes(&mut self, edit: &Edit) -> (bool, u64) {
        let (mut changed, mut dropped) = (false, 0);
        for (name, edit) in &edit.attributes {
            match chappe_query::apply(&mut self.profile.attributes, name, edit.clone()) {
                Applied::Changed => changed = true,
                Applied::Unchanged => {}
                Applied::Full => dropped += 1,
            }
        }
        (changed, dropped)
    }
}

fn count(events: &[&Event]) -> u32 {
    u32::try_from(events.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
