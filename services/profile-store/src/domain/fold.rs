//! What a batch of edits makes of the profiles it names.
//!
//! The database says what is known and which events are new; everything between is decided here. Folding a batch
//! comes to the same as folding its edits one by one.

use std::collections::{BTreeMap, HashMap, HashSet};

use chappe_ids::{EventId, ProfileId};
use chappe_kit::Timestamp;
use chappe_query::Applied;

use super::{
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
    let mut fold = Fold {
        origin,
        known,
        fresh,
        accepted_at,
        touched: BTreeMap::new(),
        outcome: Outcome::default(),
    };
    for edit in edits {
        let result = fold.apply(edit);
        fold.outcome.results.push(result);
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
    known: Known,
    fresh: HashSet<EventId>,
    accepted_at: Timestamp,
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
    fn apply(&mut self, edit: &'a Edit) -> EditResult {
        let mut result = EditResult {
            state: self.known.state(edit),
            events_applied: 0,
            events_duplicate: 0,
        };
        if !self.known.accepts(edit, self.origin) {
            return result;
        }
        let touched = self.touched.entry(edit.profile).or_insert_with(|| {
            let stored = self.known.profiles.get(&edit.profile).cloned();
            let profile = stored.unwrap_or_else(|| Profile::new(edit.profile, self.accepted_at));
            Touched {
                version_before: profile.version,
                profile,
                active_at: None,
            }
        });

        let created = touched.profile.version == 0;
        let attached = touched.attach(edit.custom_id.as_deref());
        let (edited, dropped) = touched.edit_attributes(edit);
        let fresh = &mut self.fresh;
        let (new, repeated): (Vec<_>, Vec<_>) = edit.events.iter().partition(|event| fresh.remove(&event.id));

        if created || attached || edited || !new.is_empty() {
            touched.profile.version += 1;
        }
        // An edit that only names its profile is no activity, unless it made it.
        if created || !edit.attributes.is_empty() || !new.is_empty() {
            touched.active_at = touched.active_at.max(edit.active_at);
        }
        result.events_applied = count(&new);
        result.events_duplicate = count(&repeated);
        self.outcome.dropped_attributes += dropped;
        if self.origin.feeds() {
            let interests = &self.known.interests;
            let wanted = (0..).zip(new).filter(|(_, event)| interests.contains(&event.name));
            self.outcome.feed.extend(wanted.map(|(index, event)| FeedEvent {
                profile: edit.profile,
                custom_id: touched.profile.custom_id.clone(),
                version: touched.profile.version,
                index,
                event,
            }));
        }
        result
    }

    fn finish(mut self) -> Outcome<'a> {
        for (id, touched) in self.touched {
            if let Some(at) = touched.active_at {
                self.outcome.active.push((id, at));
            }
            match touched.version_before {
                0 => self.outcome.created.push(touched.profile),
                before if before < touched.profile.version => self.outcome.changed.push(touched.profile),
                _ => {}
            }
        }
        self.outcome
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
mod tests {
    use chappe_query::{AttributeEdit, Attributes, MAX_CUSTOM_ATTRIBUTES, Value};
    use proptest::{collection, prelude::*};
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn profile(number: u8) -> ProfileId {
        ProfileId::from_uuid(Uuid::from_u128(u128::from(number)))
    }

    fn edit(number: u8) -> Edit {
        Edit {
            profile: profile(number),
            custom_id: None,
            attributes: Vec::new(),
            events: Vec::new(),
            active_at: Some(NOW),
        }
    }

    fn set(name: &str, value: i64) -> (String, AttributeEdit) {
        (name.to_owned(), AttributeEdit::Set(Value::Integer(value)))
    }

    fn event(id: u8, name: &str) -> Event {
        Event {
            id: EventId::from_uuid(Uuid::from_u128(u128::from(id))),
            name: name.to_owned(),
            time: NOW,
            attributes: Attributes::new(),
        }
    }

    fn with_events(number: u8, events: &[(u8, &str)]) -> Edit {
        Edit {
            events: events.iter().map(|(id, name)| event(*id, name)).collect(),
            ..edit(number)
        }
    }

    fn with_attributes(number: u8, attributes: Vec<(String, AttributeEdit)>) -> Edit {
        Edit {
            attributes,
            ..edit(number)
        }
    }

    /// Folds as if every event were new.
    fn folded<'a>(edits: &'a [Edit], origin: Origin, known: &Known) -> Outcome<'a> {
        let fresh = storable(edits, origin, known)
            .into_iter()
            .map(|(_, event)| event.id)
            .collect();
        fold(edits, origin, known.clone(), fresh, NOW)
    }

    fn knowing(profiles: impl IntoIterator<Item = Profile>) -> Known {
        Known {
            profiles: profiles.into_iter().map(|profile| (profile.id, profile)).collect(),
            interests: HashSet::from(["visit".to_owned()]),
            ..Known::default()
        }
    }

    fn stored(number: u8, version: i64) -> Profile {
        Profile {
            version,
            ..Profile::new(profile(number), NOW)
        }
    }

    #[test]
    fn each_edit_with_an_effect_is_one_version_and_places_its_events() {
        let edits = [
            with_events(1, &[(1, "visit"), (2, "other"), (3, "visit")]),
            edit(1),
            with_events(1, &[(4, "visit")]),
        ];
        let outcome = folded(&edits, Origin::Live, &knowing([stored(1, 7)]));
        let places: Vec<_> = outcome.feed.iter().map(|row| (row.version, row.index)).collect();
        assert_eq!(places, [(8, 0), (8, 2), (9, 0)]);
        assert_eq!(outcome.changed[0].version, 9);
        assert!(outcome.created.is_empty());
    }

    #[test]
    fn an_edit_that_names_a_known_profile_only_writes_nothing() {
        let edits = [edit(1)];
        let outcome = folded(&edits, Origin::Live, &knowing([stored(1, 7)]));
        assert!(outcome.changed.is_empty() && outcome.active.is_empty());
        assert!(outcome.is_final());
    }

    #[test]
    fn an_unchanged_value_is_activity_but_no_new_version() {
        let mut known = stored(1, 7);
        known.attributes.insert("a".to_owned(), Value::Integer(1));
        let edits = [with_attributes(1, vec![set("a", 1)])];
        let outcome = folded(&edits, Origin::Live, &knowing([known]));
        assert!(outcome.changed.is_empty());
        assert_eq!(outcome.active, [(profile(1), NOW)]);
    }

    #[test]
    fn events_already_stored_have_no_effect() {
        let edits = [with_events(1, &[(1, "visit")])];
        let outcome = fold(&edits, Origin::Live, knowing([stored(1, 7)]), HashSet::new(), NOW);
        assert!(outcome.changed.is_empty() && outcome.active.is_empty() && outcome.feed.is_empty());
        assert_eq!(
            (outcome.results[0].events_applied, outcome.results[0].events_duplicate),
            (0, 1)
        );
    }

    #[test]
    fn an_event_belongs_to_the_first_edit_that_can_store_it() {
        let mut known = knowing([]);
        known.retired.insert(profile(1), None);
        let edits = [
            with_events(1, &[(1, "visit")]),
            with_events(2, &[(1, "visit")]),
            with_events(3, &[(1, "visit")]),
        ];
        assert_eq!(storable(&edits, Origin::Live, &known).len(), 1);
        let outcome = folded(&edits, Origin::Live, &known);
        let applied: Vec<_> = outcome.results.iter().map(|result| result.events_applied).collect();
        assert_eq!(applied, [0, 1, 0]);
    }

    #[test]
    fn gone_moved_and_blocked_profiles_are_not_written() {
        let mut known = knowing([]);
        known.retired = HashMap::from([(profile(1), None), (profile(2), Some(profile(9)))]);
        known.blocked.insert(profile(3));
        let edits = [1, 2, 3].map(|number| with_events(number, &[(number, "visit")]));
        let outcome = folded(&edits, Origin::Live, &known);
        let states: Vec<_> = outcome.results.iter().map(|result| result.state).collect();
        assert_eq!(states, [State::Gone, State::Moved(profile(9)), State::Applied]);
        assert!(outcome.created.is_empty() && outcome.active.is_empty() && outcome.feed.is_empty());
        assert!(!outcome.is_final());
    }

    #[test]
    fn the_past_feeds_nobody_and_chappe_makes_nobody() {
        let edits = [with_events(1, &[(1, "visit")])];
        let past = folded(&edits, Origin::Backfill, &knowing([]));
        assert_eq!((past.created.len(), past.feed.len()), (1, 0));
        let native = folded(&edits, Origin::Native, &knowing([]));
        assert_eq!((native.created.len(), native.feed.len()), (0, 0));
        let native = folded(&edits, Origin::Native, &knowing([stored(1, 1)]));
        assert_eq!((native.changed.len(), native.feed.len()), (1, 1));
    }

    #[test]
    fn names_a_full_profile_cannot_take_are_counted() {
        let full = (0..=MAX_CUSTOM_ATTRIBUTES).map(|number| set(&format!("a{number}"), 1));
        let edits = [with_attributes(1, full.collect())];
        let outcome = folded(&edits, Origin::Live, &knowing([]));
        assert_eq!(outcome.dropped_attributes, 1);
        assert_eq!(outcome.created[0].attributes.len(), MAX_CUSTOM_ATTRIBUTES);
    }

    /// A database in miniature: what folding one batch after the other leaves.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Model {
        profiles: HashMap<ProfileId, Profile>,
        events: HashSet<EventId>,
        active: HashMap<ProfileId, Timestamp>,
        feed: Vec<(ProfileId, i64, i64, EventId)>,
        results: Vec<EditResult>,
    }

    impl Model {
        fn apply(&mut self, edits: &[Edit], origin: Origin, known: &Known) {
            let known = Known {
                profiles: self.profiles.clone(),
                ..known.clone()
            };
            let events = storable(edits, origin, &known);
            let fresh: HashSet<_> = events
                .iter()
                .map(|(_, event)| event.id)
                .filter(|id| self.events.insert(*id))
                .collect();
            let outcome = fold(edits, origin, known, fresh, NOW);
            for profile in outcome.created.iter().chain(&outcome.changed) {
                self.profiles.insert(profile.id, profile.clone());
            }
            for (id, at) in outcome.active {
                let latest = self.active.entry(id).or_insert(at);
                *latest = at.max(*latest);
            }
            let rows = outcome
                .feed
                .iter()
                .map(|row| (row.profile, row.version, row.index, row.event.id));
            self.feed.extend(rows);
            self.results.extend(outcome.results);
        }
    }

    fn any_edit() -> impl Strategy<Value = Edit> {
        let attribute = ("[ab]", 0_i64..3, any::<bool>()).prop_map(|(name, value, remove)| {
            if remove {
                (name, AttributeEdit::Remove)
            } else {
                set(&name, value)
            }
        });
        let event = (0_u8..12, prop_oneof![Just("visit"), Just("other")]).prop_map(|(id, name)| event(id, name));
        (
            0_u8..6,
            proptest::option::of("[uv]"),
            collection::vec(attribute, 0..3),
            collection::vec(event, 0..3),
            0_i64..5,
        )
            .prop_map(|(number, custom_id, attributes, events, at)| Edit {
                profile: profile(number),
                custom_id,
                attributes,
                events,
                active_at: Some(Timestamp::from_micros(at)),
            })
    }

    proptest! {
        #[test]
        fn a_batch_comes_to_the_same_as_its_edits_one_by_one(
            before in collection::vec(any_edit(), 0..6),
            edits in collection::vec(any_edit(), 0..12),
            origin in prop_oneof![Just(Origin::Live), Just(Origin::Backfill), Just(Origin::Native)],
        ) {
            let mut known = knowing([]);
            known.retired.insert(profile(4), None);
            known.blocked.insert(profile(5));
            let mut batched = Model::default();
            batched.apply(&before, Origin::Live, &known);
            let mut single = batched.clone();
            batched.apply(&edits, origin, &known);
            for edit in &edits {
                single.apply(std::slice::from_ref(edit), origin, &known);
            }
            prop_assert_eq!(batched, single);
        }
    }
}
