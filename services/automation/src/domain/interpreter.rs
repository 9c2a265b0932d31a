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
pub(crate) fn begin(definition: &Definition, entry: &mut Entry, now: Timestamp) -> Vec<Outgoing> {
    run(definition, entry, 0, Answers::default(), now)
}

/// Lets a due entry go on, as far as the answers lead. Nothing happens while it misses one.
pub(crate) fn advance(definition: &Definition, entry: &mut Entry, answers: Answers, now: Timestamp) -> Vec<Outgoing> {
    let Some(rest) = entry.rest() else {
        return Vec::new();
    };
    let Some(at) = definition.position(&rest.step) else {
        entry.end(now, End::StepMissing);
        return Vec::new();
    };
    if rest.phase == Phase::Arriving {
        return run(definition, entry, at, answers, now);
    }
    match answers.targeting {
        None => Vec::new(),
        Some(false) => {
            let why = if definition.targeting.is_some() {
                End::TargetingLost
            } else {
                End::ProfileGone
            };
            entry.end(now, why);
            Vec::new()
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

fn run(
    definition: &Definition,
    entry: &mut Entry,
    mut at: usize,
    mut answers: Answers,
    now: Timestamp,
) -> Vec<Outgoing> {
    let mut messages = Vec::new();
    while let Some(step) = definition.program.get(at) {
        let rest = |phase, due| {
            let step = step.name.clone();
            Progress::Resting(Rest { step, phase, due })
        };
        match &step.op {
            Op::Jump(target) => at = *target,
            Op::Exit => break,
            Op::Split(arms) => at = pick(arms, entry, &step.name),
            Op::Delay(duration) => {
                entry.progress = rest(Phase::Waiting, now + *duration);
                return messages;
            }
            Op::DelayUntil { time, zone } => {
                entry.progress = match resolve(*zone, answers) {
                    Some(zone) => rest(Phase::Waiting, quiet::next_at(now, *time, zone)),
                    None => rest(Phase::Arriving, now),
                };
                return messages;
            }
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
                let Some(holds) = holds else {
                    entry.progress = rest(Phase::Arriving, now);
                    return messages;
                };
                at = if holds { at + 1 } else { *otherwise };
            }
            Op::Send { template, sender } => {
                entry.attempted = true;
                if let Some(quiet) = &definition.quiet {
                    let Some(zone) = resolve(quiet.zone, answers) else {
                        entry.progress = rest(Phase::Arriving, now);
                        return messages;
                    };
                    match (quiet::quiet_until(now, quiet, zone), quiet.fallback) {
                        (Some(end), Fallback::Wait) => {
                            entry.progress = rest(Phase::Waiting, end);
                            return messages;
                        }
                        (Some(_), Fallback::Skip) => {
                            metrics::counter!("chappe_automation_skipped_total", "reason" => "quiet_times")
                                .increment(1);
                            at += 1;
                            continue;
                        }
                        (None, _) => {}
                    }
                }
                messages.push(outgoing(entry, &step.name, template, sender));
                entry.sent += 1;
                at += 1;
            }
        }
    }
    entry.end(now, End::Completed);
    messages
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
