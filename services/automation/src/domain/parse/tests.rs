use serde_json::{Value as Json, json};

use super::*;
use crate::domain::definition::Op;

fn spec() -> Json {
    json!({
        "state": "RUNNING",
        "trigger": {"event": "Validated_Purchase", "where": {"amount": {"$gte": 20}}},
        "targeting": {"$language": {"$in": ["en", "fr"]}},
        "entry": {"parallel": false, "maxEntries": 3, "gracePeriod": "24h"},
        "cancelOn": [{"event": "order_refunded"}],
        "quietTimes": {"from": "22:00", "to": "08:00", "timezone": "profile", "fallback": "wait"},
        "labels": ["orders"],
        "steps": [
            {"delay": "10m"},
            {"send": {"name": "thanks", "template": "thank-you", "sender": "shop", "class": "marketing"}},
            {"branch": {"if": {"vip": {"$eq": true}}, "then": [{"delay": "2s"}], "else": [{"exit": {}}]}},
            {"delay": {"until": "09:00", "timezone": "profile"}},
            {"split": [
                {"weight": 50, "name": "a", "steps": [{"send": {"template": "a", "sender": "shop"}}]},
                {"weight": 50, "name": "b", "steps": [{"send": {"template": "b", "sender": "shop"}}]},
            ]},
        ],
    })
}

fn parsed(spec: &Json) -> Result<Definition, Vec<Fault>> {
    parse(spec.as_object().unwrap())
}

/// The faults of the spec with the value at `pointer` replaced.
fn faults_with(pointer: &str, value: Json) -> Vec<(String, String)> {
    let mut spec = spec();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = spec.pointer_mut(parent).unwrap();
    match parent {
        Json::Object(object) => drop(object.insert(key.to_owned(), value)),
        Json::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer} leads nowhere"),
    }
    let faults = parsed(&spec).err().unwrap_or_default();
    faults.into_iter().map(|fault| (fault.path, fault.message)).collect()
}

#[test]
fn the_documented_spec_is_read_and_its_steps_are_named() {
    let definition = parsed(&spec()).unwrap();
    assert_eq!(definition.trigger.event, "validated_purchase");
    assert_eq!(definition.entry.max_entries, Some(3));
    let names: Vec<_> = definition
        .program
        .iter()
        .filter(|step| !step.name.is_empty())
        .map(|step| step.name.as_str())
        .collect();
    let expected = [
        "delay-1", "thanks", "branch-1", "delay-2", "exit-1", "delay-3", "split-1", "send-2", "send-3",
    ];
    assert_eq!(names, expected);
    assert!(definition.uses_profile_zone());
}

#[test]
fn targets_only_lead_forward_and_never_past_the_end() {
    let definition = parsed(&spec()).unwrap();
    let end = definition.program.len();
    for (at, step) in definition.program.iter().enumerate() {
        let targets = match &step.op {
            Op::Jump(target) => vec![*target],
            Op::Branch { otherwise, .. } => vec![*otherwise],
            Op::Split(arms) => arms.iter().map(|arm| arm.target).collect(),
            _ => Vec::new(),
        };
        assert!(targets.iter().all(|target| (at + 1..=end).contains(target)), "{step:?}");
    }
}

/// Each value, put at a place of the spec, is refused with the path and a part of the message.
fn are_refused<const N: usize>(cases: [(&str, Json, &str, &str); N]) {
    for (pointer, value, path, message) in cases {
        let faults = faults_with(pointer, value);
        assert!(
            faults.iter().any(|fault| fault.0 == path && fault.1.contains(message)),
            "{pointer}: {faults:?}"
        );
    }
}

#[test]
fn every_fault_names_its_place_and_the_remedy() {
    are_refused([
        ("/state", json!("ON"), "spec.state", "DRAFT, RUNNING or STOPPED"),
        (
            "/trigger",
            json!({"event": "a b"}),
            "spec.trigger.event",
            "letters, digits or underscores",
        ),
        (
            "/trigger",
            json!({"where": {}}),
            "spec.trigger.event",
            "event is missing",
        ),
        (
            "/trigger/where",
            json!({"a": {"$gtt": 1}}),
            "spec.trigger.where.a.$gtt",
            "",
        ),
        (
            "/targeting",
            json!({"age(x)": {"$lt": true}}),
            "spec.targeting.age(x).$lt",
            "",
        ),
        (
            "/targeting",
            json!({"$segment": "vip"}),
            "spec.targeting.$segment",
            "no segment or audience \"vip\"",
        ),
        ("/entry", json!({"maxEntries": 0}), "spec.entry.maxEntries", "from 1"),
        (
            "/entry",
            json!({"max": 1}),
            "spec.entry.max",
            "parallel, maxEntries, gracePeriod",
        ),
        ("/cancelOn/0", json!({"event": 5}), "spec.cancelOn[0].event", "text"),
        ("/quietTimes/from", json!("9:00"), "spec.quietTimes.from", "HH:MM"),
        ("/quietTimes/from", json!("08:00"), "spec.quietTimes", "the same"),
        (
            "/quietTimes/timezone",
            json!("Mars/Base"),
            "spec.quietTimes.timezone",
            "Europe/Paris",
        ),
        (
            "/quietTimes/fallback",
            json!("later"),
            "spec.quietTimes.fallback",
            "wait or skip",
        ),
        ("/labels", json!(["a b"]), "spec.labels[0]", "label"),
        ("/step", json!([]), "spec.step", "known keys: state"),
    ]);
}

#[test]
fn every_fault_of_a_step_names_its_place_and_the_remedy() {
    are_refused([
        ("/steps", json!([]), "spec.steps", "at least one step"),
        ("/steps/0", json!({"delay": "10"}), "spec.steps[0].delay", "such as 10m"),
        ("/steps/0", json!({"delay": "1y"}), "spec.steps[0].delay", "such as 10m"),
        ("/steps/0", json!({"delay": "9999w"}), "spec.steps[0].delay", "731d"),
        (
            "/steps/0",
            json!({"wait": "1m"}),
            "spec.steps[0].wait",
            "delay, send, branch, split, exit",
        ),
        (
            "/steps/0",
            json!({"waitFor": {}}),
            "spec.steps[0].waitFor",
            "this version does not run",
        ),
        (
            "/steps/0",
            json!({"set": {}}),
            "spec.steps[0].set",
            "this version does not run",
        ),
        (
            "/steps/0",
            json!({"delay": {"until": "date(birthdate)", "offset": "-3d"}}),
            "spec.steps[0].delay",
            "this version does not run",
        ),
        (
            "/steps/1/send",
            json!({"sender": "s"}),
            "spec.steps[1].send.template",
            "missing",
        ),
        (
            "/steps/1/send/class",
            json!("spam"),
            "spec.steps[1].send.class",
            "transactional",
        ),
        ("/steps/1/send/name", json!("send-2"), "spec.steps", "send-2"),
        (
            "/steps/2/branch",
            json!({"then": []}),
            "spec.steps[2].branch",
            "condition",
        ),
        (
            "/steps/2/branch/if",
            json!({"$audience": "buyers"}),
            "spec.steps[2].branch.if.$audience",
            "no segment or audience \"buyers\"",
        ),
        (
            "/steps/4/split/0/weight",
            json!(-1),
            "spec.steps[4].split[0].weight",
            "from 1",
        ),
        (
            "/steps/4/split/1/name",
            json!("a"),
            "spec.steps[4].split[1].name",
            "another arm",
        ),
    ]);
}

#[test]
fn all_faults_are_told_at_once() {
    let faults = parsed(&json!({"state": 1, "steps": [{"delay": 1}, {"send": {}}]})).unwrap_err();
    let paths: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
    let expected = [
        "spec.state",
        "spec.trigger",
        "spec.steps[0].delay",
        "spec.steps[1].send.template",
        "spec.steps[1].send.sender",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn steps_nest_only_so_deep() {
    let mut steps = json!([{"exit": {}}]);
    for _ in 0..9 {
        steps = json!([{"branch": {"if": {"a": 1}, "then": steps}}]);
    }
    assert!(
        faults_with("/steps", steps)
            .iter()
            .any(|fault| fault.1.contains("deep"))
    );
}
