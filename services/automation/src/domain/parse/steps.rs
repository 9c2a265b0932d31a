//! Steps, flattened into a program.

use std::collections::{HashMap, HashSet};

use chappe_kit::did_you_mean;
use serde_json::{Map, Value as Json};

use super::Reader;
use crate::domain::definition::{Arm, Op, Step};

/// Steps of one automation, those inside branches and splits included.
const MAX_STEPS: usize = 100;

/// How deep branches and splits may lie inside each other.
const MAX_DEPTH: usize = 8;

/// Arms of one split.
const MAX_ARMS: usize = 10;

/// Longest name of a step, template or sender.
const MAX_NAME_LENGTH: usize = 64;

const KINDS: [&str; 5] = ["delay", "send", "branch", "split", "exit"];

/// Reads the steps.
pub(super) fn program(reader: &mut Reader, json: &Json) -> Option<Vec<Step>> {
    let mut compiler = Compiler {
        reader,
        program: Vec::new(),
        counts: HashMap::new(),
        steps: 0,
    };
    compiler.block("spec.steps", json, 0);
    let Compiler { program, .. } = compiler;
    distinct_names(reader, &program);
    if program.is_empty() && reader.faults.is_empty() {
        return reader.fault("spec.steps", "an automation needs at least one step");
    }
    Some(program)
}

fn distinct_names(reader: &mut Reader, program: &[Step]) {
    let mut seen = HashSet::new();
    for step in program.iter().filter(|step| !step.name.is_empty()) {
        if !seen.insert(&step.name) {
            reader.fault::<()>(
                "spec.steps",
                format!("two steps are named {}; the name of a step is its own", step.name),
            );
        }
    }
}

struct Compiler<'a> {
    reader: &'a mut Reader,
    program: Vec<Step>,
    /// Steps of each kind so far, for the names of those that have none.
    counts: HashMap<&'static str, usize>,
    steps: usize,
}

impl Compiler<'_> {
    fn block(&mut self, path: &str, json: &Json, depth: usize) {
        if depth > MAX_DEPTH {
            self.reader
                .fault::<()>(path, format!("branches and splits lie at most {MAX_DEPTH} deep"));
            return;
        }
        for (at, item) in self.reader.list(path, json, MAX_STEPS).iter().enumerate() {
            self.steps += 1;
            if self.steps == MAX_STEPS + 1 {
                self.reader
                    .fault::<()>(path, format!("an automation has at most {MAX_STEPS} steps"));
            }
            self.step(&format!("{path}[{at}]"), item, depth);
        }
    }

    fn step(&mut self, path: &str, json: &Json, depth: usize) {
        let one = json.as_object().filter(|object| object.len() == 1);
        // A step without a value may be written as a word.
        let (kind, body) = match (json.as_str(), one.and_then(|object| object.iter().next())) {
            (Some(word), _) => (word, &Json::Null),
            (None, Some((kind, body))) => (kind.as_str(), body),
            (None, None) => {
                self.reader.fault::<()>(
                    path,
                    format!("a step is an object with one key, its kind: {}", KINDS.join(", ")),
                );
                return;
            }
        };
        let path = format!("{path}.{kind}");
        match kind {
            "delay" => self.delay(&path, body),
            "send" => self.send(&path, body),
            "branch" => self.branch(&path, body, depth),
            "split" => self.split(&path, body, depth),
            "exit" => self.exit(&path, body),
            "waitFor" | "set" => {
                let message = format!("this version does not run {kind} steps; it knows {}", KINDS.join(", "));
                self.reader.fault::<()>(path, message);
            }
            _ => {
                let meant = did_you_mean(kind, KINDS);
                let message = format!("{kind} is not a kind of step{meant}; known kinds: {}", KINDS.join(", "));
                self.reader.fault::<()>(path, message);
            }
        }
    }

    fn push(&mut self, name: String, op: Op) -> usize {
        self.program.push(Step { name, op });
        self.program.len() - 1
    }

    fn jump(&mut self) -> usize {
        self.push(String::new(), Op::Jump(usize::MAX))
    }

    /// The name a step has, or gets: its kind and its place among those of its kind.
    fn name(&mut self, kind: &'static str, path: &str, object: Option<&Map<String, Json>>) -> String {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let given = object.and_then(|object| object.get("name"));
        let Some(given) = given else {
            return format!("{kind}-{count}");
        };
        self.short_text(&format!("{path}.name"), given).unwrap_or_default()
    }

    fn short_text(&mut self, path: &str, json: &Json) -> Option<String> {
        let text = json
            .as_str()
            .filter(|text| !text.is_empty() && text.len() <= MAX_NAME_LENGTH);
        match text.filter(|text| !text.chars().any(char::is_control)) {
            Some(text) => Some(text.to_owned()),
            None => self
                .reader
                .fault(path, format!("a name of 1 to {MAX_NAME_LENGTH} characters is expected")),
        }
    }

    fn required_name(&mut self, path: &str, object: &Map<String, Json>, key: &str) -> Option<String> {
        self.reader.required_text(path, object, key)?;
        self.short_text(&format!("{path}.{key}"), object.get(key)?)
    }

    fn delay(&mut self, path: &str, body: &Json) {
        let name = self.name("delay", path, None);
        let op = match body {
            Json::Object(object) => self.delay_until(path, object),
            _ => self.reader.duration(path, body).map(Op::Delay),
        };
        if let Some(op) = op {
            self.push(name, op);
        }
    }

    fn delay_until(&mut self, path: &str, object: &Map<String, Json>) -> Option<Op> {
        let until = object.get("until").and_then(Json::as_str).unwrap_or_default();
        if until.starts_with("date(") || object.contains_key("offset") {
            let message = "this version does not run delays until a date of the profile; \
                           it knows lengths such as 10m and times of day such as {until: \"09:00\"}";
            return self.reader.fault(path, message);
        }
        self.reader.known(path, object, &["until", "timezone"]);
        let time = self.reader.required_time(path, object, "until");
        let zone = self.reader.zone(path, object);
        Some(Op::DelayUntil {
            time: time?,
            zone: zone?,
        })
    }

    fn send(&mut self, path: &str, body: &Json) {
        let keys = ["name", "template", "sender", "class"];
        let Some(object) = self.reader.object(path, body, &keys) else {
            return;
        };
        let name = self.name("send", path, Some(object));
        let template = self.required_name(path, object, "template");
        let sender = self.required_name(path, object, "sender");
        let class = object.get("class").map(Json::as_str);
        if !matches!(class, None | Some(Some("marketing" | "transactional"))) {
            self.reader
                .fault::<()>(format!("{path}.class"), "must be marketing or transactional");
        }
        if let (Some(template), Some(sender)) = (template, sender) {
            self.push(name, Op::Send { template, sender });
        }
    }

    fn branch(&mut self, path: &str, body: &Json, depth: usize) {
        let keys = ["name", "if", "where", "then", "else"];
        let Some(object) = self.reader.object(path, body, &keys) else {
            return;
        };
        let name = self.name("branch", path, Some(object));
        if !object.contains_key("if") && !object.contains_key("where") {
            self.reader.fault::<()>(
                path,
                "a branch needs a condition: if (a query about the profile) or where (a filter on the entry event)",
            );
        }
        let profile = object
            .get("if")
            .and_then(|json| self.reader.query(&format!("{path}.if"), json));
        let event = object
            .get("where")
            .and_then(|json| self.reader.filter(&format!("{path}.where"), json));
        let branch = self.push(name, Op::Exit);
        if let Some(then) = object.get("then") {
            self.block(&format!("{path}.then"), then, depth + 1);
        }
        let jump = self.jump();
        let otherwise = self.program.len();
        if let Some(steps) = object.get("else") {
            self.block(&format!("{path}.else"), steps, depth + 1);
        }
        self.program[jump].op = Op::Jump(self.program.len());
        self.program[branch].op = Op::Branch {
            profile,
            event,
            otherwise,
        };
    }

    fn split(&mut self, path: &str, body: &Json, depth: usize) {
        let name = self.name("split", path, None);
        let items = self.reader.list(path, body, MAX_ARMS);
        if items.len() < 2 {
            self.reader.fault::<()>(path, "a split has at least two arms");
        }
        let split = self.push(name, Op::Exit);
        let (mut arms, mut jumps, mut names) = (Vec::new(), Vec::new(), HashSet::new());
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}[{at}]");
            let Some(object) = self.reader.object(&path, item, &["weight", "name", "steps"]) else {
                continue;
            };
            if let Some(name) = object.get("name")
                && let Some(name) = self.short_text(&format!("{path}.name"), name)
                && !names.insert(name)
            {
                self.reader
                    .fault::<()>(format!("{path}.name"), "another arm of the split has this name");
            }
            let weight = match object.get("weight") {
                Some(json) => self.reader.positive(&format!("{path}.weight"), json),
                None => self.reader.fault(format!("{path}.weight"), "weight is missing"),
            };
            arms.push(Arm {
                weight: weight.unwrap_or_default(),
                target: self.program.len(),
            });
            if let Some(steps) = object.get("steps") {
                self.block(&format!("{path}.steps"), steps, depth + 1);
            }
            jumps.push(self.jump());
        }
        let end = self.program.len();
        for jump in jumps {
            self.program[jump].op = Op::Jump(end);
        }
        self.program[split].op = Op::Split(arms);
    }

    fn exit(&mut self, path: &str, body: &Json) {
        let empty = body.is_null() || body.as_object().is_some_and(Map::is_empty) || *body == Json::Bool(true);
        if !empty {
            self.reader.fault::<()>(path, "exit takes nothing: write exit: {}");
        }
        let name = self.name("exit", path, None);
        self.push(name, Op::Exit);
    }
}
