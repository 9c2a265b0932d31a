//! What the chart renders, by the golden renders that `scripts/helm.sh` keeps current.

use std::collections::BTreeSet;

use figment::{
    Figment,
    providers::{Format, Yaml},
};
use serde_json::Value as Json;

use super::{
    assert_none,
    edges::{CLIENT, edges},
    files,
};

/// A label that tells the parts of an installation from each other.
const COMPONENT: &str = "app.kubernetes.io~1component";
/// Callers that are no component: a company's own services, and the command line, which runs in a pod of the gateway.
const OTHERS: [&str; 2] = [CLIENT, "chappe"];
/// gRPC.
const PORT: u64 = 50051;

/// One object of one render.
struct Rendered {
    /// The render, the kind and the name.
    place: String,
    kind: String,
    json: Json,
}

#[test]
fn policies_admit_the_calls_of_the_edge_list_and_no_others() {
    let calls = edges().into_iter().filter(|edge| !OTHERS.contains(&edge.from.as_str()));
    let calls: BTreeSet<(String, String)> = calls.map(|edge| (edge.from, edge.to)).collect();
    for render in renders() {
        for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
            let policies = render.iter().filter(|object| object.kind == "NetworkPolicy");
            let admitted: BTreeSet<(String, String)> = policies
                .flat_map(|policy| others(&policy.json, direction, peers))
                .collect();
            assert_eq!(admitted, calls, "{direction} in {}", render[0].place);
        }
    }
}

#[test]
fn every_pod_is_restricted() {
    let wanted_of_pods = [
        ("/automountServiceAccountToken", Json::from(false)),
        ("/securityContext/runAsNonRoot", Json::from(true)),
        ("/securityContext/seccompProfile/type", Json::from("RuntimeDefault")),
    ];
    let wanted_of_containers = [
        ("/securityContext/allowPrivilegeEscalation", Json::from(false)),
        ("/securityContext/readOnlyRootFilesystem", Json::from(true)),
        ("/securityContext/capabilities/drop/0", Json::from("ALL")),
    ];
    let mut violations = Vec::new();
    for object in renders().iter().flatten() {
        let Some(pod) = pod(object) else { continue };
        let mut check = |json: &Json, wanted: &[(&str, Json)]| {
            for (pointer, value) in wanted {
                if json.pointer(pointer) != Some(value) {
                    violations.push(format!("{} lacks {pointer} {value}", object.place));
                }
            }
        };
        check(pod, &wanted_of_pods);
        let containers = pod["containers"].as_array().into_iter().flatten();
        containers.for_each(|container| check(container, &wanted_of_containers));
    }
    assert_none(&violations, "all pods come from the one template of the chart");
}

#[test]
fn secrets_are_named_and_never_rendered() {
    let violations: Vec<String> = renders()
        .iter()
        .flatten()
        .filter(|object| object.kind == "Secret" || has_password(&object.json))
        .map(|object| object.place.clone())
        .collect();
    assert_none(&violations, "secrets exist before the chart and are mounted");
}

#[test]
fn the_values_of_the_chart_delete_nobody() {
    let suspended: Vec<bool> = renders()
        .iter()
        .flatten()
        .filter(|object| object.kind == "CronJob" && !object.place.starts_with("ha "))
        .filter_map(|object| object.json.pointer("/spec/suspend")?.as_bool())
        .collect();
    assert_eq!(suspended, [true, true], "only ha sets inactivity.suspend to false");
}

/// The objects of every golden render.
fn renders() -> Vec<Vec<Rendered>> {
    let golden = files()
        .into_iter()
        .filter(|file| file.is_under("helm/chappe/tests/golden"));
    let renders: Vec<Vec<Rendered>> = golden
        .map(|file| {
            let name = file.path.file_stem().unwrap_or_default().display().to_string();
            let documents = file.text.split("\n---\n").map(|text| text.trim_start_matches("---\n"));
            documents.map(|text| object(&name, text)).collect()
        })
        .collect();
    assert!(renders.len() >= 3, "the golden renders were not found");
    renders
}

fn object(render: &str, text: &str) -> Rendered {
    let json: Json = Figment::from(Yaml::string(text)).extract().expect("helm renders YAML");
    let word = |pointer| {
        json.pointer(pointer)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (kind, name) = (word("/kind"), word("/metadata/name"));
    Rendered {
        place: format!("{render} {kind} {name}"),
        kind,
        json,
    }
}

/// The pods of an object, if it makes any.
fn pod(object: &Rendered) -> Option<&Json> {
    let pointer = match &*object.kind {
        "Pod" => "/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        "Deployment" | "Job" => "/spec/template/spec",
        _ => return None,
    };
    object.json.pointer(pointer)
}

/// The calls to or from the subject of a policy, as (caller, called).
fn others(policy: &Json, direction: &str, peers: &str) -> Vec<(String, String)> {
    let component = |json: &Json, at: &str| json.pointer(&format!("{at}/matchLabels/{COMPONENT}")).cloned();
    let subject = component(policy, "/spec/podSelector").expect("a policy is for one component");
    let rules = policy["spec"][direction].as_array().into_iter().flatten();
    let rules = rules.filter(|rule| rule["ports"][0]["port"].as_u64() == Some(PORT));
    rules
        .flat_map(|rule| rule[peers].as_array().into_iter().flatten())
        .filter_map(|peer| component(peer, "/podSelector"))
        .map(|other| {
            let [subject, other] = [&subject, &other].map(|name| name.as_str().unwrap_or_default().to_owned());
            if direction == "ingress" {
                (other, subject)
            } else {
                (subject, other)
            }
        })
        .collect()
}

/// Whether some text holds a URL with a password.
fn has_password(json: &Json) -> bool {
    match json {
        Json::String(text) => text.split_whitespace().any(|word| {
            let authority = word
                .split_once("://")
                .map(|(_, rest)| rest.split('/').next().unwrap_or_default());
            authority
                .and_then(|it| it.split_once('@'))
                .is_some_and(|(login, _)| login.contains(':'))
        }),
        Json::Array(items) => items.iter().any(has_password),
        Json::Object(members) => members.values().any(has_password),
        _ => false,
    }
}
