//! Runs the steps of an entry.

use chappe_kit::Timestamp;
use chappe_query::{Attributes, Filter, Moment};
use chrono_tz::Tz;
use uuid::Uuid;

use super::{
    definition::{Arm, Definition, Fallback, Op, TargetingQuery, Zone},
    entry::{End, Entry, Outgoing, Phase, Progress, Rest},
    quiet,
};

/// What must be known about the profile before the entry can go on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Needs<'a> {
    /// Whether it is still selected.
    pub(crate) targeting: bool,
    /// Whether it satisfies the condition of the branch.
    pub(crate) branch: Option<&'a TargetingQuery>,
    /// Its time zone.
    pub(crate) zone: bool,
}

/// What is known about the profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) targeting: Option<bool>,
    pub(crate) branch: Option<bool>,
    pub(crate) zone: Option<Tz>,
}

/// What running some steps came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ran {
    /// Messages to hand over.
    pub(crate) messages: Vec<Outgoing>,
    /// Messages left out because of quiet times.
    pub(crate) skipped: u64,
}

/// What the entry asks for where it rests.
pub(crate) fn needs<'a>(definition: &'a Definition, entry: &Entry) -> Needs<'a> {
    let Some(rest) = entry.rest() else {
        return Needs::default();
    };
    let step = definition.position(&rest.step).map(|at| &definition.program[at].op);
    let branch = match step {
        Some(Op::Branch { profile, event, .. }) if passes(event.as_ref(), &entry.event.attributes, rest.due) => {
            profile.as_ref()
        }
        _ => None,
    };
    Needs {
        targeting: rest.phase == Phase::Waiting,
        branch,
        zone: definition.uses_profile_zone(),
    }
}

/// Puts an entry in front of the first step.
pub(crate) fn begin(definition: &Definition, entry: &mut Entry, now: Timestamp) -> Ran {
    run(definition, entry, 0, Answers::default(), now)
}

/// Lets a due entry go on, as far as the answers lead. Nothing happens while it misses one.
pub(crate) fn advance(definition: &Definition, entry: &mut Entry, answers: Answers, now: Timestamp) -> Ran {
    let Some(rest) = entry.rest() else {
        return Ran::default();
    };
    let Some(at) = definition.position(&rest.step) else {
        entry.end(now, End::StepMissing);
        return Ran::default();
    };
    if rest.phase == Phase::Arriving {
        return run(definition, entry, at, answers, now);
    }
    match answers.targeting {
        None => Ran::default(),
        Some(false) => {
            let why = if definition.targeting.is_some() {
                End::TargetingLost
            } else {
                End::ProfileGone
            };
            entry.end(now, why);
            Ran::default()
        }
        Some(true) => {
            // A message waited for the end of quiet times and is still to be sent; a delay is over.
            let next = if matches!(definition.program[at].op, Op::Send { .. }) {
                at
            } else {
                at + 1
            };
            run(definition, entry, next, answers, now)
        }
    }
}

/// Whether the attributes of an event pass a filter, if there is one. Dates in it follow UTC.
pub(crate) fn passes(filter: Option<&Filter>, attributes: &Attributes, now: Timestamp) -> bool {
    let moment = Moment {
        now: now.micros(),
        timezone: Tz::UTC,
    };
    filter.is_none_or(|filter| filter.matches(attributes, moment))
}

/// Where a step leads.
enum Next {
    To(usize),
    Rest(Phase, Timestamp),
    End,
}

fn run(definition: &Definition, entry: &mut Entry, mut at: usize, mut answers: Answers, now: Timestamp) -> Ran {
    let mut ran = Ran::default();
    while let Some(step) = definition.program.get(at) {
        let next = match &step.op {
            Op::Jump(target) => Next::To(*target),
            Op::Exit => Next::End,
            Op::Split(arms) => Next::To(pick(arms, entry, &step.name)),
            Op::Delay(duration) => Next::Rest(Phase::Waiting, now + *duration),
            Op::DelayUntil { time, zone } => match resolve(*zone, answers) {
                Some(zone) => Next::Rest(Phase::Waiting, quiet::next_at(now, *time, zone)),
                None => Next::Rest(Phase::Arriving, now),
            },
            Op::Branch {
                profile,
                event,
                otherwise,
            } => {
                let holds = match profile {
                    _ if !passes(event.as_ref(), &entry.event.attributes, now) => Some(false),
                    None => Some(true),
                    // The answer is about this branch, not about the next one.
                    Some(_) => answers.branch.take(),
                };
                match holds {
                    Some(true) => Next::To(at + 1),
                    Some(false) => Next::To(*otherwise),
                    None => Next::Rest(Phase::Arriving, now),
                }
            }
            Op::Send { template, sender } => {
                entry.attempted = true;
                match quiet_time(definition, answers, now) {
                    Quiet::Unknown => Next::Rest(Phase::Arriving, now),
                    Quiet::Until(end, Fallback::Wait) => Next::Rest(Phase::Waiting, end),
                    Quiet::Until(_, Fallback::Skip) => {
                        ran.skipped += 1;
                        Next::To(at + 1)
                    }
                    Quiet::No => {
                        ran.messages.push(outgoing(entry, &step.name, template, sender));
                        entry.sent += 1;
                        Next::To(at + 1)
                    }
                }
            }
        };
        match next {
            Next::To(target) => at = target,
            Next::End => break,
            Next::Rest(phase, due) => {
                let step = step.name.clone();
                entry.progress = Progress::Resting(Rest { step, phase, due });
                return ran;
            }
        }
    }
    entry.end(now, End::Completed);
    ran
}

/// What quiet times say about a message now.
enum Quiet {
    No,
    Until(Timestamp, Fallback),
    Unknown,
}

fn quiet_time(definition: &Definition, answers: Answers, now: Timestamp) -> Quiet {
    let Some(quiet) = &definition.quiet else {
        return Quiet::No;
    };
    let Some(zone) = resolve(quiet.zone, answers) else {
        return Quiet::Unknown;
    };
    quiet::quiet_until(now, quiet, zone).map_or(Quiet::No, |end| Quiet::Until(end, quiet.fallback))
}

fn resolve(zone: Zone, answers: Answers) -> Option<Tz> {
    match zone {
        Zone::Profile => answers.zone,
        Zone::Fixed(zone) => Some(zone),
    }
}

fn outgoing(entry: &Entry, step: &str, template: &str, sender: &str) -> Outgoing {
    Outgoing {
        message: chappe_ids::message_id(entry.project, entry.id, step),
        project: entry.project,
        entry: entry.id,
        profile: entry.profile,
        lane: entry.lane,
        automation: entry.automation,
        step: step.to_owned(),
        template: template.to_owned(),
        sender: sender.to_owned(),
        event: entry.event.clone(),
    }
}

/// The arm of a person: the same in every walk, whoever computes it.
fn pick(arms: &[Arm], entry: &Entry, step: &str) -> usize {
    let name = format!("{step}\u{1f}{}", entry.profile);
    let (high, _) = Uuid::new_v5(&entry.automation.as_uuid(), name.as_bytes()).as_u64_pair();
    let total: u64 = arms.iter().map(|arm| u64::from(arm.weight)).sum();
    let mut left = high % total.max(1);
    for arm in arms {
        let weight = u64::from(arm.weight);
        if left < weight {
            return arm.target;
        }
        left -= weight;
    }
    usize::MAX
}
