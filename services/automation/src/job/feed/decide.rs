//! Events become entries in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chappe_ids::{AutomationId, ProfileId, ProjectId};
use chappe_kit::{Error, ErrorKind, Timestamp};
use chappe_store::retired;
use sea_orm::DatabaseTransaction;

use super::{OUTBOX, TIMERS, profiles, read::FeedEvent};
use crate::{
    app::App,
    domain::{
        entry::Entry,
        instance::{Catalogue, Person, Verdict},
    },
    store::{
        definitions::{self, Current},
        entries::{self, ProfileKey},
        feed,
        lanes::Held,
        messages,
    },
};

/// The reason of a batch whose automations changed while it was prepared.
const STALE: &str = "DEFINITIONS_CHANGED";

/// How often a batch is prepared again before it is left to the next turn.
const MAX_ATTEMPTS: u32 = 5;

/// Decides about events in one transaction, and prepares them again when the automations change meanwhile.
pub(super) async fn process(app: &App, held: &Held, events: &[FeedEvent]) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let mut attempt = 1;
    loop {
        match process_once(app, held, events).await {
            Err(error) if error.reason() == STALE && attempt < MAX_ATTEMPTS => attempt += 1,
            done => return done,
        }
    }
}

/// What was found out before the transaction.
struct Prepared {
    current: Vec<Current>,
    /// Who is selected by automations that do not take everybody.
    targeted: HashSet<(AutomationId, ProfileId)>,
}

/// What the transaction did.
#[derive(Default)]
struct Committed {
    verdicts: Vec<Verdict>,
    has_timers: bool,
    has_messages: bool,
}

async fn process_once(app: &App, held: &Held, events: &[FeedEvent]) -> Result<(), Error> {
    let now = app.now();
    let projects: Vec<ProjectId> = events
        .iter()
        .map(|event| event.project)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let prepared = prepare(app, &projects, events, now).await?;
    let lanes: HashSet<u8> = events.iter().map(|event| event.lane).collect();
    let batch = app.batch(held, &lanes).await;
    let committed = app
        .db
        .write(async |txn| {
            batch.fence(txn).await?;
            if definitions::current(txn, &projects).await? != prepared.current {
                return Err(Error::new(
                    ErrorKind::Aborted,
                    STALE,
                    "the automations changed meanwhile",
                ));
            }
            commit(app, txn, events, &prepared, now).await
        })
        .await?;
    drop(batch);
    for verdict in committed.verdicts {
        metrics::counter!("chappe_automation_events_total", "verdict" => verdict.as_str()).increment(1);
    }
    if committed.has_messages {
        app.coordination.hints.notify(OUTBOX);
    }
    if committed.has_timers {
        app.coordination.hints.notify(TIMERS);
    }
    Ok(())
}

/// Asks who is targeted, of those whom an event would let in.
async fn prepare(app: &App, projects: &[ProjectId], events: &[FeedEvent], now: Timestamp) -> Result<Prepared, Error> {
    let current = definitions::current(app.db.read(), projects).await?;
    let catalogues = app.catalogues(app.db.read(), &current, &[]).await?;
    let mut targeted = HashSet::new();
    for project in projects {
        let Some(catalogue) = catalogues.get(project) else {
            continue;
        };
        let mut pairs = BTreeMap::new();
        for event in events.iter().filter(|event| event.project == *project) {
            for automation in &catalogue.automations {
                if let Some(query) = &automation.definition.targeting
                    && automation.is_triggered_by(&event.event, now)
                {
                    pairs.insert((automation.id, event.profile), query);
                }
            }
        }
        let checks: Vec<_> = pairs.iter().map(|((_, profile), query)| (*profile, *query)).collect();
        let matches = profiles::evaluate(app, *project, &checks).await?;
        let admitted = pairs.into_keys().zip(matches).filter(|(_, matches)| *matches);
        targeted.extend(admitted.map(|(pair, _)| pair));
    }
    Ok(Prepared { current, targeted })
}

async fn commit(
    app: &App,
    txn: &DatabaseTransaction,
    events: &[FeedEvent],
    prepared: &Prepared,
    now: Timestamp,
) -> Result<Committed, Error> {
    let gone = retired_of(txn, events).await?;
    let ids: Vec<_> = events
        .iter()
        .filter(|event| !gone.contains(&event.person()))
        .map(|event| (event.project, event.event.id, event.profile))
        .collect();
    let mut new = feed::process(txn, now, &ids).await?;
    // The same event twice in one batch is one event.
    let fresh: Vec<&FeedEvent> = events
        .iter()
        .filter(|event| new.remove(&(event.project, event.event.id)))
        .collect();
    if fresh.is_empty() {
        return Ok(Committed::default());
    }
    let (mut people, catalogues) = load(app, txn, &fresh, &prepared.current).await?;
    let nothing = Catalogue::default();
    let mut committed = Committed::default();
    for event in fresh {
        if let Some(person) = people.get_mut(&event.person()) {
            let catalogue = catalogues.get(&event.project).unwrap_or(&nothing);
            let is_targeted = |id: AutomationId| {
                let automation = catalogue.automations.iter().find(|automation| automation.id == id);
                automation.is_some_and(|automation| automation.definition.targeting.is_none())
                    || prepared.targeted.contains(&(id, event.profile))
            };
            committed
                .verdicts
                .extend(person.decide(&event.event, catalogue, is_targeted, now));
        }
    }
    save(txn, people, now, &mut committed).await?;
    Ok(committed)
}

/// Who of the events is retired: nothing is kept about them, not even that the event was seen.
async fn retired_of(txn: &DatabaseTransaction, events: &[FeedEvent]) -> Result<HashSet<ProfileKey>, Error> {
    let mut by_project: BTreeMap<ProjectId, Vec<ProfileId>> = BTreeMap::new();
    for event in events {
        by_project.entry(event.project).or_default().push(event.profile);
    }
    let mut gone = HashSet::new();
    for (project, profiles) in by_project {
        let retired = retired::lookup(txn, project, &profiles).await?;
        gone.extend(retired.into_keys().map(|profile| (project, profile)));
    }
    Ok(gone)
}

/// The people of the events, and what they may be in.
async fn load(
    app: &App,
    txn: &DatabaseTransaction,
    events: &[&FeedEvent],
    current: &[Current],
) -> Result<(HashMap<ProfileKey, Person>, HashMap<ProjectId, Catalogue>), Error> {
    let lanes: BTreeMap<ProfileKey, u8> = events.iter().map(|event| (event.person(), event.lane)).collect();
    let keys: Vec<ProfileKey> = lanes.keys().copied().collect();
    let live: Vec<Entry> = entries::live_of(txn, &keys).await?;
    let mut past = entries::past_of(txn, &keys).await?;
    let catalogues = app.catalogues(txn, current, &live).await?;
    let mut people: HashMap<ProfileKey, Person> = lanes
        .into_iter()
        .map(|(key, lane)| {
            let mut person = Person::new(key.0, key.1, lane);
            person.past = past.remove(&key).unwrap_or_default();
            (key, person)
        })
        .collect();
    for entry in live {
        if let Some(person) = people.get_mut(&(entry.project, entry.profile)) {
            person.entries.push(entry);
        }
    }
    Ok((people, catalogues))
}

async fn save(
    txn: &DatabaseTransaction,
    people: HashMap<ProfileKey, Person>,
    now: Timestamp,
    committed: &mut Committed,
) -> Result<(), Error> {
    let mut people: Vec<Person> = people.into_values().collect();
    let withdrawn: Vec<_> = people
        .iter()
        .flat_map(|person| person.withdrawn.iter().map(|entry| (person.project, *entry)))
        .collect();
    for (entry, count) in messages::withdraw(txn, now, &withdrawn).await? {
        for person in &mut people {
            person.give_back(entry, count);
        }
    }
    let changed: Vec<&Entry> = people
        .iter()
        .flat_map(|person| person.entries.iter().filter(|entry| person.changed.contains(&entry.id)))
        .collect();
    committed.has_timers = changed.iter().any(|entry| entry.is_live());
    entries::put(txn, &changed).await?;
    let outgoing: Vec<_> = people.iter().flat_map(|person| &person.messages).collect();
    committed.has_messages = !outgoing.is_empty() || !withdrawn.is_empty();
    messages::send(txn, now, &outgoing).await
}
