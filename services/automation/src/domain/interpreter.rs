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

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::domain::{entry::End, instance::Person, testing::*};

    fn spec(steps: &Json) -> Json {
        json!({"state": "RUNNING", "trigger": {"event": "buy"}, "targeting": {"vip": true}, "steps": steps})
    }

    fn send(name: &str) -> Json {
        json!({"send": {"name": name, "template": "t", "sender": "s"}})
    }

    /// Somebody in front of the first step, and the steps' names of the messages it sent at once.
    fn entered(spec: &Json) -> (Person, crate::domain::instance::Catalogue, Vec<String>) {
        let (mut person, catalogue) = (person(), catalogue(spec));
        happens(&mut person, &catalogue, 1, "buy", NOW);
        let sent = person.messages.iter().map(|message| message.step.clone()).collect();
        (person, catalogue, sent)
    }

    fn steps(ran: &Ran) -> Vec<&str> {
        ran.messages.iter().map(|message| message.step.as_str()).collect()
    }

    #[test]
    fn a_delay_counts_from_the_end_of_the_step_before() {
        let (mut person, catalogue, sent) = entered(&spec(&json!([{"delay": "10s"}, {"delay": "10s"}, send("a")])));
        assert!(sent.is_empty());
        goes_on(&mut person, &catalogue, targeted(), after(15));
        assert_eq!(live(&mut person).rest().unwrap().due, after(25));
        assert_eq!(steps(&goes_on(&mut person, &catalogue, targeted(), after(25))), ["a"]);
        assert_eq!(
            person.entries[0].progress,
            Progress::Ended {
                at: after(25),
                why: End::Completed
            }
        );
    }

    #[test]
    fn who_is_not_targeted_any_more_leaves_after_the_delay() {
        let (mut person, catalogue, _) = entered(&spec(&json!([{"delay": "10s"}, send("a")])));
        let definition = &catalogue.automations[0].definition;
        assert!(needs(definition, live(&mut person)).targeting);
        let lost = Answers {
            targeting: Some(false),
            ..targeted()
        };
        assert!(goes_on(&mut person, &catalogue, lost, after(10)).messages.is_empty());
        assert!(matches!(
            person.entries[0].progress,
            Progress::Ended {
                why: End::TargetingLost,
                ..
            }
        ));
    }

    #[test]
    fn nothing_happens_without_the_answer() {
        let (mut person, catalogue, _) = entered(&spec(&json!([{"delay": "10s"}, send("a")])));
        let before = live(&mut person).clone();
        goes_on(&mut person, &catalogue, Answers::default(), after(10));
        assert_eq!(*live(&mut person), before);
    }

    #[test]
    fn a_branch_asks_about_the_profile_when_it_is_reached() {
        let branch = json!([
            {"branch": {"if": {"vip": true}, "then": [send("yes")], "else": [send("no")]}}, send("both"),
        ]);
        for (holds, expected) in [(true, ["yes", "both"]), (false, ["no", "both"])] {
            let (mut person, catalogue, _) = entered(&spec(&branch));
            let rest = live(&mut person).rest().unwrap().clone();
            assert_eq!((rest.step.as_str(), rest.due), ("branch-1", NOW));
            assert!(
                needs(&catalogue.automations[0].definition, live(&mut person))
                    .branch
                    .is_some()
            );
            let answers = Answers {
                branch: Some(holds),
                ..Answers::default()
            };
            assert_eq!(steps(&goes_on(&mut person, &catalogue, answers, NOW)), expected);
        }
    }

    #[test]
    fn a_branch_without_a_matching_side_goes_on_with_the_next_step() {
        let branch = json!([{"branch": {"where": {"n": {"$gt": 5}}, "then": [send("big")]}}, send("both")]);
        let (_, _, sent) = entered(&spec(&branch));
        assert_eq!(sent, ["both"]);
    }

    #[test]
    fn one_answer_serves_one_branch() {
        let branch = |name: &str| json!({"branch": {"if": {"a": 1}, "then": [send(name)]}});
        let (mut person, catalogue, _) = entered(&spec(&json!([branch("a"), branch("b")])));
        let answers = Answers {
            branch: Some(true),
            ..Answers::default()
        };
        assert_eq!(steps(&goes_on(&mut person, &catalogue, answers, NOW)), ["a"]);
        assert_eq!(live(&mut person).rest().unwrap().step, "branch-2");
    }

    #[test]
    fn exit_ends_the_walk() {
        let (person, _, sent) = entered(&spec(&json!([send("a"), "exit", send("b")])));
        assert_eq!(sent, ["a"]);
        assert!(!person.entries[0].is_live());
    }

    #[test]
    fn a_split_is_stable_and_roughly_fair() {
        let split = json!([{"split": [
            {"weight": 1, "steps": [send("a")]}, {"weight": 3, "steps": [send("b")]},
        ]}]);
        let catalogue = catalogue(&spec(&split));
        let mut first = 0;
        for number in 0..400 {
            let profile = chappe_ids::ProfileId::from_uuid(Uuid::from_u128(number));
            let walk = |event| {
                let mut person = Person::new(PROJECT, profile, 0);
                happens(&mut person, &catalogue, event, "buy", NOW);
                person.messages.remove(0).step
            };
            assert_eq!(walk(1), walk(2));
            first += u32::from(walk(1) == "a");
        }
        assert!((70..130).contains(&first), "{first} of 400 went the way of a quarter");
    }

    fn quiet(fallback: &str) -> Json {
        let mut spec = spec(&json!([send("a"), {"delay": "1s"}]));
        spec["quietTimes"] = json!({"from": "22:00", "to": "08:00", "timezone": "UTC", "fallback": fallback});
        spec
    }

    #[test]
    fn in_quiet_times_a_message_waits_and_targeting_is_looked_at_again() {
        let (mut person, catalogue, sent) = entered(&quiet("wait"));
        assert!(sent.is_empty());
        assert!(live(&mut person).attempted);
        let due = live(&mut person).rest().unwrap().due;
        assert_eq!(due.to_rfc3339(), "2023-11-15T08:00:00Z");
        assert!(needs(&catalogue.automations[0].definition, live(&mut person)).targeting);
        assert_eq!(steps(&goes_on(&mut person, &catalogue, targeted(), due)), ["a"]);
    }

    #[test]
    fn in_quiet_times_a_message_is_left_out_and_the_walk_goes_on() {
        let (mut person, _, sent) = entered(&quiet("skip"));
        assert!(sent.is_empty());
        let entry = live(&mut person);
        assert_eq!((entry.rest().unwrap().step.as_str(), entry.sent), ("delay-1", 0));
        assert!(entry.attempted);
    }

    #[test]
    fn the_zone_of_the_profile_is_asked_for_where_it_matters() {
        let until = json!([{"delay": {"until": "09:00", "timezone": "profile"}}]);
        let (mut person, catalogue, _) = entered(&spec(&until));
        assert!(needs(&catalogue.automations[0].definition, live(&mut person)).zone);
        let paris = Answers {
            zone: Some(Tz::Europe__Paris),
            ..Answers::default()
        };
        goes_on(&mut person, &catalogue, paris, NOW);
        let due = live(&mut person).rest().unwrap().due;
        assert_eq!(due.to_rfc3339(), "2023-11-15T08:00:00Z");
    }

    #[test]
    fn a_step_that_is_gone_ends_the_walk() {
        let (mut person, _, _) = entered(&spec(&json!([{"delay": "10s"}])));
        let other = catalogue(&spec(&json!([send("a")])));
        goes_on(&mut person, &other, targeted(), after(10));
        assert!(!person.entries[0].is_live());
    }
}
