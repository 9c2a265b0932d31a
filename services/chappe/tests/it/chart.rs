//! The Helm chart against the binary that it configures.

use std::{collections::BTreeSet, fs};

use figment::{
    Figment,
    providers::{Format, Yaml},
};
use serde_json::{Map, Value as Json};
use tempfile::TempDir;

use crate::support::{chappe, run};

/// Relative to the directory of this package, where tests run.
const CHART: &str = "../../helm/chappe";

/// What the chart sets by itself, or by values of its own: addresses, secrets, traces, and what holds for one process on SQLite alone.
const NOT_FOR_USERS: [&str; 9] = [
    "automation.exclusive_store",
    "coordination.redis_url",
    "database.url",
    "email_sender.exclusive_store",
    "email_sender.smtp_url",
    "keys.",
    "listen.",
    "peers.",
    "traces.",
];

#[tokio::test]
async fn config_schema_matches_chart() {
    let dump = run(&mut chappe(["serve", "gateway", "--dump-config"])).await.json(0);
    let mut settings = BTreeSet::new();
    collect_paths(&dump, "", &mut settings);
    settings.retain(|path| !NOT_FOR_USERS.iter().any(|own| path.starts_with(own)));

    let schema = fs::read_to_string(format!("{CHART}/values.schema.json")).unwrap();
    let schema: Json = serde_json::from_str(&schema).unwrap();
    let mut known = BTreeSet::new();
    collect_paths(&without_keywords(&schema["properties"]["config"]), "", &mut known);
    assert_eq!(
        known, settings,
        "values.schema.json has to list the settings of the binary"
    );
}

#[tokio::test]
async fn a_pod_of_the_chart_reads_its_configuration() {
    let golden = fs::read_dir(format!("{CHART}/tests/golden")).unwrap();
    for render in golden.map(|entry| entry.unwrap().path()) {
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name).into_os_string().into_string().unwrap();
        fs::write(path("secret"), "smtp://relay:25\n").unwrap();
        let mut command = chappe(["serve", "email-sender", "--dump-config"]);
        for object in objects(&fs::read_to_string(&render).unwrap()) {
            if let Some(config) = object.pointer("/data/chappe.yaml").and_then(Json::as_str) {
                fs::write(path("chappe.yaml"), config).unwrap();
                command.env("CHAPPE_CONFIG", path("chappe.yaml"));
            }
            let variables = object
                .pointer("/spec/template/spec/containers/0/env")
                .and_then(Json::as_array);
            for name in variables
                .into_iter()
                .flatten()
                .filter_map(|variable| variable["name"].as_str())
            {
                if name.starts_with("CHAPPE__") {
                    assert!(name.ends_with("_FILE"), "{name} is no mounted file");
                    command.env(name, path("secret"));
                }
            }
        }
        let dump = run(&mut command).await.json(0);
        let masked = dump.pointer("/keys/master").and_then(Json::as_str);
        assert_eq!(masked, Some("***"), "{} sets no master key", render.display());
        let peer = dump.pointer("/peers/profile_store").and_then(Json::as_str).unwrap();
        assert!(
            peer.starts_with("http://chappe-profile-store"),
            "{peer} in {}",
            render.display()
        );
    }
}

/// The documents of a stream of YAML.
fn objects(stream: &str) -> Vec<Json> {
    let documents = stream.split("\n---\n").map(|text| text.trim_start_matches("---\n"));
    documents
        .map(|text| Figment::from(Yaml::string(text)).extract().unwrap())
        .collect()
}

/// The path of everything that is no object.
fn collect_paths(node: &Json, path: &str, into: &mut BTreeSet<String>) {
    match node {
        Json::Object(members) => members.iter().for_each(|(name, member)| {
            let dot = if path.is_empty() { "" } else { "." };
            collect_paths(member, &format!("{path}{dot}{name}"), into);
        }),
        _ => {
            into.insert(path.to_owned());
        }
    }
}

/// A schema in the shape of what it describes.
fn without_keywords(schema: &Json) -> Json {
    match schema["properties"].as_object() {
        Some(properties) => {
            let members = properties
                .iter()
                .map(|(name, member)| (name.clone(), without_keywords(member)));
            Json::Object(members.collect::<Map<_, _>>())
        }
        None => Json::Null,
    }
}
