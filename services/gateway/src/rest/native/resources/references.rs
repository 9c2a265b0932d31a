//! What automations refer to: templates and senders, which belong to another service.

use std::collections::{HashMap, HashSet};

use chappe_kit::did_you_mean;
use chappe_proto::types::Fault;
use serde_json::{Map, Value as Json};

/// What can be referred to.
#[derive(Debug, Default)]
pub(super) struct Known {
    templates: HashSet<String>,
    /// Class by name.
    senders: HashMap<String, String>,
}

impl Known {
    pub(super) fn add_template(&mut self, name: &str) {
        self.templates.insert(name.to_owned());
    }

    /// A later sender of the same name replaces an earlier one.
    pub(super) fn add_sender(&mut self, name: &str, spec: &Map<String, Json>) {
        let class = spec.get("class").and_then(Json::as_str).unwrap_or_default();
        self.senders.insert(name.to_owned(), class.to_owned());
    }

    /// What is wrong with the references of an automation. Names that are missing or of the wrong type are the
    /// business of automation itself.
    pub(super) fn faults(&self, automation: &Map<String, Json>) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(steps) = automation.get("steps") {
            self.steps("spec.steps", steps, &mut faults);
        }
        faults
    }

    fn steps(&self, path: &str, steps: &Json, faults: &mut Vec<Fault>) {
        for (at, step) in steps.as_array().into_iter().flatten().enumerate() {
            let path = format!("{path}[{at}]");
            for (kind, body) in step.as_object().into_iter().flatten() {
                let path = format!("{path}.{kind}");
                match kind.as_str() {
                    "send" => self.send(&path, body, faults),
                    "split" => {
                        for (at, arm) in body.as_array().into_iter().flatten().enumerate() {
                            self.steps(&format!("{path}[{at}].steps"), &arm["steps"], faults);
                        }
                    }
                    _ => {
                        for side in ["then", "else"] {
                            self.steps(&format!("{path}.{side}"), &body[side], faults);
                        }
                    }
                }
            }
        }
    }

    fn send(&self, path: &str, send: &Json, faults: &mut Vec<Fault>) {
        let mut fault = |key: &str, message: String| {
            faults.push(Fault {
                path: format!("{path}.{key}"),
                message,
            });
        };
        if let Some(name) = send["template"].as_str()
            && !self.templates.contains(name)
        {
            fault(
                "template",
                format!(
                    "there is no Template {name}{}: apply it with this document or before",
                    did_you_mean(name, self.templates.iter().map(String::as_str))
                ),
            );
        }
        let Some(name) = send["sender"].as_str() else {
            return;
        };
        match (self.senders.get(name), send["class"].as_str()) {
            (None, _) => fault(
                "sender",
                format!(
                    "there is no Sender {name}{}: apply it with this document or before",
                    did_you_mean(name, self.senders.keys().map(String::as_str))
                ),
            ),
            (Some(class), Some(written)) if class != written => {
                fault(
                    "class",
                    format!("the Sender {name} is {class}: leave class out or write {class}"),
                );
            }
            _ => {}
        }
    }
}

/// Whether a send step of the automation, wherever it stands, has this name under this key.
pub(super) fn refers(automation: &Map<String, Json>, key: &str, name: &str) -> bool {
    automation.iter().any(|(member, value)| match value {
        Json::Object(send) if member == "send" => send.get(key).is_some_and(|it| it == name),
        Json::Object(object) => refers(object, key, name),
        Json::Array(items) => items
            .iter()
            .any(|item| item.as_object().is_some_and(|item| refers(item, key, name))),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn known() -> Known {
        let mut known = Known::default();
        known.add_template("hello");
        known.add_sender("shop", json!({"class": "marketing"}).as_object().unwrap());
        known
    }

    fn faults(steps: &Json) -> Vec<String> {
        let spec = json!({"steps": steps});
        let faults = known().faults(spec.as_object().unwrap());
        faults
            .into_iter()
            .map(|fault| format!("{}: {}", fault.path, fault.message))
            .collect()
    }

    #[test]
    fn good_references_pass_wherever_they_stand() {
        let send = json!({"send": {"template": "hello", "sender": "shop", "class": "marketing"}});
        let steps = json!([
            {"delay": "1h"}, "exit", send,
            {"branch": {"if": {}, "then": [send], "else": [send]}},
            {"split": [{"weight": 1, "steps": [send]}]},
        ]);
        assert_eq!(faults(&steps), [""; 0]);
    }

    #[test]
    fn every_missing_name_is_told_with_its_path() {
        let steps = json!([
            {"send": {"template": "bye", "sender": "shop"}},
            {"branch": {"if": {}, "then": [{"send": {"template": "hello", "sender": "post"}}]}},
            {"split": [{"steps": []}, {"steps": [{"send": {"template": "bye", "sender": "shop"}}]}]},
        ]);
        assert_eq!(
            faults(&steps),
            [
                "spec.steps[0].send.template: there is no Template bye: apply it with this document or before",
                "spec.steps[1].branch.then[0].send.sender: there is no Sender post: apply it with this document or before",
                "spec.steps[2].split[1].steps[0].send.template: there is no Template bye: apply it with this document or before",
            ]
        );
    }

    #[test]
    fn a_name_that_was_mistyped_is_suggested() {
        let steps = json!([{"send": {"template": "helo", "sender": "shpo"}}]);
        assert_eq!(
            faults(&steps),
            [
                "spec.steps[0].send.template: there is no Template helo (did you mean hello?): apply it with this \
                 document or before",
                "spec.steps[0].send.sender: there is no Sender shpo (did you mean shop?): apply it with this document \
                 or before",
            ]
        );
    }

    #[test]
    fn a_class_must_be_that_of_the_sender() {
        let steps = json!([{"send": {"template": "hello", "sender": "shop", "class": "transactional"}}]);
        assert_eq!(
            faults(&steps),
            ["spec.steps[0].send.class: the Sender shop is marketing: leave class out or write marketing"]
        );
    }

    #[test]
    fn a_reference_is_found_wherever_it_stands() {
        let send = json!({"send": {"template": "hello", "sender": "shop"}});
        for steps in [
            json!([send]),
            json!([{"branch": {"if": {}, "then": [], "else": [send]}}]),
            json!([{"split": [{"weight": 1, "steps": [{"delay": "1h"}, send]}]}]),
        ] {
            let spec = json!({"steps": steps});
            let refers = |key, name| refers(spec.as_object().unwrap(), key, name);
            assert!(refers("template", "hello") && refers("sender", "shop"), "{spec}");
            assert!(!refers("template", "shop") && !refers("sender", "hello"), "{spec}");
        }
    }

    #[test]
    fn nonsense_is_left_to_automation() {
        for steps in [
            json!(7),
            json!([7, null, {"send": 7}, {"split": {}}, {"branch": {"then": 7}}]),
        ] {
            assert_eq!(faults(&steps), [""; 0]);
        }
    }
}
