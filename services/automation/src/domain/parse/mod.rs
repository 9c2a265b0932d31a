//! From the JSON of a spec to a definition, with everything that is wrong with it.

mod scalar;
mod steps;

use serde_json::{Map, Value as Json};

use super::definition::{Definition, EntryRules, EventMatch, Fallback, QuietTimes, RunState, TargetingQuery};

/// Cancel events of one automation.
const MAX_CANCEL_EVENTS: usize = 20;

/// Labels of one automation.
const MAX_LABELS: usize = 20;

/// Longest code of a label.
const MAX_LABEL_LENGTH: usize = 64;

/// One thing wrong with a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// From `spec` on.
    pub(crate) path: String,
    pub(crate) message: String,
}

/// Reads a spec, or tells everything that is wrong with it.
pub(crate) fn parse(spec: &Map<String, Json>) -> Result<Definition, Vec<Fault>> {
    let mut reader = Reader::default();
    let definition = reader.definition(spec);
    match definition {
        Some(definition) if reader.faults.is_empty() => Ok(definition),
        _ => Err(reader.faults),
    }
}

/// Collects faults. What could not be read is `None` or left at its default; no caller ever sees it.
#[derive(Default)]
struct Reader {
    faults: Vec<Fault>,
}

const KEYS: &[&str] = &[
    "state",
    "trigger",
    "targeting",
    "entry",
    "cancelOn",
    "quietTimes",
    "labels",
    "steps",
];

impl Reader {
    fn definition(&mut self, spec: &Map<String, Json>) -> Option<Definition> {
        self.known("spec", spec, KEYS);
        let state = self.state(spec.get("state"));
        let trigger = match spec.get("trigger") {
            Some(trigger) => self.event_match("spec.trigger", trigger),
            None => self.fault(
                "spec.trigger",
                "an automation needs a trigger, such as {event: purchase}",
            ),
        };
        let targeting = spec
            .get("targeting")
            .and_then(|json| self.query("spec.targeting", json));
        let entry = spec.get("entry").map(|json| self.entry_rules(json)).unwrap_or_default();
        let cancel_on = spec
            .get("cancelOn")
            .map(|json| self.cancel_on(json))
            .unwrap_or_default();
        let quiet = spec.get("quietTimes").and_then(|json| self.quiet_times(json));
        if let Some(labels) = spec.get("labels") {
            self.labels(labels);
        }
        let program = match spec.get("steps") {
            Some(steps) => steps::program(self, steps),
            None => self.fault("spec.steps", "an automation needs at least one step"),
        };
        Some(Definition {
            state: state?,
            trigger: trigger?,
            targeting,
            entry,
            cancel_on,
            quiet,
            program: program?,
        })
    }

    fn fault<T>(&mut self, path: impl Into<String>, message: impl Into<String>) -> Option<T> {
        self.faults.push(Fault {
            path: path.into(),
            message: message.into(),
        });
        None
    }

    /// Refuses keys that mean nothing here.
    fn known(&mut self, path: &str, object: &Map<String, Json>, keys: &[&str]) {
        for key in object.keys().filter(|key| !keys.contains(&key.as_str())) {
            self.fault::<()>(
                format!("{path}.{key}"),
                format!(
                    "{key} is not known here{}; known keys: {}",
                    chappe_kit::did_you_mean(key, keys.iter().copied()),
                    keys.join(", ")
                ),
            );
        }
    }

    fn object<'a>(&mut self, path: &str, json: &'a Json, keys: &[&str]) -> Option<&'a Map<String, Json>> {
        match json.as_object() {
            Some(object) => {
                self.known(path, object, keys);
                Some(object)
            }
            None => self.fault(path, format!("an object with {} is expected", keys.join(", "))),
        }
    }

    fn list<'a>(&mut self, path: &str, json: &'a Json, most: usize) -> &'a [Json] {
        match json.as_array() {
            Some(items) if items.len() <= most => items,
            _ => {
                self.fault::<()>(path, format!("a list of at most {most} items is expected"));
                &[]
            }
        }
    }

    fn state(&mut self, json: Option<&Json>) -> Option<RunState> {
        let Some(json) = json else {
            return self.fault("spec.state", "state is missing: DRAFT, RUNNING or STOPPED");
        };
        match json.as_str().and_then(RunState::from_name) {
            Some(state) => Some(state),
            None => self.fault("spec.state", "must be DRAFT, RUNNING or STOPPED"),
        }
    }

    fn event_match(&mut self, path: &str, json: &Json) -> Option<EventMatch> {
        let object = self.object(path, json, &["event", "where"])?;
        let event = self.required_text(path, object, "event");
        let event = event.and_then(|event| match chappe_query::Name::parse(event) {
            Ok(name) => Some(name.into_string()),
            // Native events have plain names too; anything else cannot happen.
            Err(invalid) => self.fault(format!("{path}.event"), invalid.to_string()),
        });
        let filter = match object.get("where") {
            Some(filter) => Some(self.filter(&format!("{path}.where"), filter)?),
            None => None,
        };
        Some(EventMatch { event: event?, filter })
    }

    fn filter(&mut self, path: &str, json: &Json) -> Option<chappe_query::Filter> {
        let parsed = chappe_query::Filter::parse(path, json);
        self.of_query(parsed)
    }

    /// A targeting query; none if it selects everybody.
    fn query(&mut self, path: &str, json: &Json) -> Option<TargetingQuery> {
        let parsed = chappe_query::Query::parse(path, json);
        let parsed = self.of_query(parsed)?;
        let needs = parsed.needs();
        for reference in needs.segments.iter().chain(&needs.audiences) {
            // profile-store would refuse it with every event.
            self.fault::<()>(
                reference.path.clone(),
                format!("there is no segment or audience {:?} in this project", reference.name),
            );
        }
        json.as_object().filter(|query| !query.is_empty()).cloned()
    }

    fn of_query<T>(&mut self, parsed: Result<T, Vec<chappe_query::Fault>>) -> Option<T> {
        let faults = match parsed {
            Ok(parsed) => return Some(parsed),
            Err(faults) => faults,
        };
        for fault in faults {
            self.fault::<()>(fault.path, fault.message);
        }
        None
    }

    fn entry_rules(&mut self, json: &Json) -> EntryRules {
        const PATH: &str = "spec.entry";
        let keys = ["parallel", "maxEntries", "gracePeriod"];
        let Some(object) = self.object(PATH, json, &keys) else {
            return EntryRules::default();
        };
        EntryRules {
            parallel: self.boolean(PATH, object, "parallel").unwrap_or_default(),
            max_entries: object
                .get("maxEntries")
                .and_then(|json| self.positive(&format!("{PATH}.maxEntries"), json)),
            grace_period: object
                .get("gracePeriod")
                .and_then(|json| self.duration(&format!("{PATH}.gracePeriod"), json)),
        }
    }

    fn cancel_on(&mut self, json: &Json) -> Vec<EventMatch> {
        let items = self.list("spec.cancelOn", json, MAX_CANCEL_EVENTS).iter().enumerate();
        items
            .filter_map(|(at, item)| self.event_match(&format!("spec.cancelOn[{at}]"), item))
            .collect()
    }

    fn quiet_times(&mut self, json: &Json) -> Option<QuietTimes> {
        const PATH: &str = "spec.quietTimes";
        let object = self.object(PATH, json, &["from", "to", "timezone", "fallback"])?;
        let from = self.required_time(PATH, object, "from");
        let to = self.required_time(PATH, object, "to");
        let zone = self.zone(PATH, object);
        let fallback = match object.get("fallback").map(Json::as_str) {
            None | Some(Some("wait")) => Some(Fallback::Wait),
            Some(Some("skip")) => Some(Fallback::Skip),
            _ => self.fault(format!("{PATH}.fallback"), "must be wait or skip"),
        };
        let (from, to) = (from?, to?);
        if from == to {
            return self.fault(PATH, "from and to are the same: there would be no quiet time");
        }
        Some(QuietTimes {
            from,
            to,
            zone: zone?,
            fallback: fallback?,
        })
    }

    /// Labels are kept in the spec; nothing here acts on them.
    fn labels(&mut self, json: &Json) {
        for (at, label) in self.list("spec.labels", json, MAX_LABELS).iter().enumerate() {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            let good = label
                .as_str()
                .is_some_and(|code| (1..=MAX_LABEL_LENGTH).contains(&code.len()) && code.bytes().all(allowed));
            if !good {
                self.fault::<()>(
                    format!("spec.labels[{at}]"),
                    format!("a label is the code of 1 to {MAX_LABEL_LENGTH} letters, digits, '_' and '-'"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
