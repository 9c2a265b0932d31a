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
fn events_that_nobody_waits_for_leave_the_profile_alone() {
    let edits = [with_events(1, &[(1, "other")]), with_events(2, &[(2, "visit")])];
    let outcome = folded(&edits, Origin::Live, &knowing([stored(1, 7), stored(2, 7)]));
    let changed: Vec<_> = outcome.changed.iter().map(|profile| profile.id).collect();
    assert_eq!(changed, [profile(2)]);
    assert_eq!(outcome.active, [(profile(1), NOW), (profile(2), NOW)]);
    assert_eq!(outcome.results[0].events_applied, 1);
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
