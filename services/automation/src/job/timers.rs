//! Entries that are due go on.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem,
    time::Duration,
};

use chappe_ids::{EntryId, ProfileId, ProjectId};
use chappe_kit::{
    Error, Timestamp,
    grpc::context::within,
    trace::{Kind, Span},
};
use chrono_tz::Tz;

use super::{IDLE, OUTBOX, Turn, feed, profiles};
use crate::{
    app::App,
    domain::{
        definition::{Definition, TargetingQuery},
        entry::{End, Entry, Outgoing, Progress},
        interpreter::{self, Answers, Ran},
    },
    store::{entries, lanes::Held, messages},
};

/// Entries of one batch.
const BATCH: u32 = 500;

/// Shortest pause between two looks.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);

/// How long entries wait whose questions profile-store refuses: trying at once would refuse again.
const POSTPONED: Duration = Duration::from_mins(1);

pub(super) async fn turn(app: &App) -> Result<Turn, Error> {
    let held = app.held.borrow().clone();
    if held.is_empty() {
        return Ok(Turn::after(0, IDLE));
    }
    let now = app.now();
    let due = entries::due(app.db.read(), &held, now, BATCH).await?;
    if due.is_empty() {
        let next = entries::next_due(app.db.read(), &held, now).await?;
        return Ok(Turn::after(0, pause_until(next, now)));
    }
    let work = due.len();
    let people = due.iter().map(|entry| entry.profile).collect();
    let heard = feed::catch_up(app, &held, people).await?;
    // Their events may have changed these entries, which are looked at again.
    let due = due
        .into_iter()
        .filter(|entry| !heard.contains(&entry.profile))
        .collect();
    let moved = go_on(app, due, now).await?;
    let committed = commit(app, &held, &moved, now).await;
    committed.inspect_err(|error| moved.spans.iter().for_each(|span| span.fail(error.reason())))?;
    Ok(Turn::after(work, IDLE))
}

fn pause_until(next: Option<Timestamp>, now: Timestamp) -> Duration {
    let left = next.map_or(i64::MAX, |next| next.micros().saturating_sub(now.micros()));
    Duration::from_micros(u64::try_from(left).unwrap_or_default()).clamp(SHORTEST_PAUSE, IDLE)
}

/// Everybody is selected; asking tells whether the profile is still there.
static EVERYBODY: std::sync::LazyLock<TargetingQuery> = std::sync::LazyLock::new(TargetingQuery::new);

/// Entries as far as they came.
#[derive(Default)]
struct Moved {
    entries: Vec<Entry>,
    messages: Vec<Outgoing>,
    /// Of those in a sampled trace.
    spans: Vec<Span>,
}

/// Runs the entries as far as they come.
async fn go_on(app: &App, due: Vec<Entry>, now: Timestamp) -> Result<Moved, Error> {
    let versions = due.iter().map(|entry| (entry.project, entry.automation, entry.version));
    let known = app.definitions(app.db.read(), versions).await?;
    let mut by_project: BTreeMap<ProjectId, Vec<Entry>> = BTreeMap::new();
    for entry in due {
        by_project.entry(entry.project).or_default().push(entry);
    }
    let (mut moved, mut skipped) = (Moved::default(), 0);
    for (project, entries) in by_project {
        let mut runnable: Vec<(Entry, &Definition)> = Vec::with_capacity(entries.len());
        for entry in entries {
            match known.get(&(project, entry.automation, entry.version)) {
                Some(definition) => runnable.push((entry, definition)),
                None => moved.entries.push(postponed(entry, now)),
            }
        }
        let spans: Vec<Span> = runnable.iter().map(|(entry, _)| span(entry)).collect();
        let trace = spans.iter().find_map(Span::context);
        let answers = match within(trace, ask(app, project, &runnable)).await {
            Ok(answers) => answers,
            Err(error) if error.kind().is_retryable() => return Err(error),
            Err(error) => {
                error.log("asking about the profiles of due entries");
                for span in &spans {
                    span.fail(error.reason());
                }
                moved
                    .entries
                    .extend(runnable.into_iter().map(|(entry, _)| postponed(entry, now)));
                continue;
            }
        };
        for (((mut entry, definition), answer), span) in runnable.into_iter().zip(answers).zip(spans) {
            let mut ran = if let Some(answers) = answer {
                interpreter::advance(definition, &mut entry, answers, now)
            } else {
                entry.end(now, End::ProfileGone);
                Ran::default()
            };
            for message in &mut ran.messages {
                let opened_by = mem::take(&mut message.event.traceparent);
                message.event.traceparent = span.traceparent_or(opened_by);
            }
            moved.messages.extend(ran.messages);
            skipped += ran.skipped;
            moved.entries.push(entry);
            moved.spans.extend(span.is_recording().then_some(span));
        }
    }
    metrics::counter!("chappe_automation_skipped_total", "reason" => "quiet_times").increment(skipped);
    Ok(moved)
}

/// The next steps of an entry, in the trace of the event that opened it.
fn span(entry: &Entry) -> Span {
    let span = Span::resume(Kind::Internal, "advance entry", &entry.event.traceparent);
    span.set("chappe.automation.id", entry.automation);
    span.set("chappe.profile.id", entry.profile);
    if let Some(rest) = entry.rest() {
        span.set("chappe.step", &rest.step);
    }
    span
}

fn postponed(mut entry: Entry, now: Timestamp) -> Entry {
    if let Progress::Resting(rest) = &mut entry.progress {
        rest.due = now + POSTPONED;
    }
    entry
}

/// Answers what each entry needs; `None` where the profile is gone.
async fn ask(app: &App, project: ProjectId, entries: &[(Entry, &Definition)]) -> Result<Vec<Option<Answers>>, Error> {
    let needs: Vec<_> = entries
        .iter()
        .map(|(entry, definition)| interpreter::needs(definition, entry))
        .collect();
    let mut checks: Vec<(ProfileId, &TargetingQuery)> = Vec::new();
    let mut wants_zone: HashSet<ProfileId> = HashSet::new();
    for ((entry, definition), needs) in entries.iter().zip(&needs) {
        if needs.targeting {
            checks.push((entry.profile, definition.targeting.as_ref().unwrap_or(&EVERYBODY)));
        }
        checks.extend(needs.branch.map(|query| (entry.profile, query)));
        if needs.zone {
            wants_zone.insert(entry.profile);
        }
    }
    let mut matches = profiles::evaluate(app, project, &checks).await?.into_iter();
    let wants_zone: Vec<ProfileId> = wants_zone.into_iter().collect();
    let zones: HashMap<ProfileId, Tz> = profiles::zones(app, project, &wants_zone).await?;
    let answers = entries.iter().zip(&needs).map(|((entry, _), needs)| {
        let targeting = needs.targeting.then(|| matches.next()).flatten();
        let branch = needs.branch.and_then(|_| matches.next());
        let zone = zones.get(&entry.profile).copied();
        (!needs.zone || zone.is_some()).then_some(Answers {
            targeting,
            branch,
            zone,
        })
    });
    Ok(answers.collect())
}

/// Stores what nobody else changed meanwhile, with the messages of exactly those entries.
async fn commit(app: &App, held: &Held, moved: &Moved, now: Timestamp) -> Result<(), Error> {
    let lanes: HashSet<u8> = moved.entries.iter().map(|entry| entry.lane).collect();
    let batch = app.batch(held, &lanes).await;
    let sends = app
        .db
        .write(async |txn| {
            batch.fence(txn).await?;
            let stored: HashSet<EntryId> = entries::progress(txn, &moved.entries).await?.into_iter().collect();
            let outgoing: Vec<&Outgoing> = moved
                .messages
                .iter()
                .filter(|message| stored.contains(&message.entry))
                .collect();
            messages::send(txn, now, &outgoing).await?;
            Ok(!outgoing.is_empty())
        })
        .await?;
    if sends {
        app.coordination.hints.notify(OUTBOX);
    }
    Ok(())
}
