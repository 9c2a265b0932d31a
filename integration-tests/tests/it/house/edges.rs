//! The edge list of the chart against the contracts.

use std::collections::{BTreeMap, BTreeSet};

use figment::{
    Figment,
    providers::{Format, Yaml},
};
use serde::Deserialize;

use super::{ROOT, assert_none, files, workspace};

const EDGES: &str = "helm/chappe/files/edges.yaml";
/// A company's own services.
pub(super) const CLIENT: &str = chappe_proto::edges::CLIENT;
/// Checks the keys of clients itself.
const OWNER_OF_KEYS: &str = "identity";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EdgeList {
    edges: Vec<Edge>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edge {
    pub(super) from: String,
    pub(super) to: String,
    methods: Vec<String>,
}

#[test]
fn edges_join_services_that_exist() {
    let workspace = workspace();
    let services: BTreeSet<&str> = workspace
        .packages
        .iter()
        .filter(|package| package.manifest_path.as_str().contains("/services/"))
        .map(|package| package.name.as_str())
        .collect();
    let violations: Vec<String> = edges()
        .iter()
        .filter(|edge| {
            !services.contains(edge.to.as_str()) || !(services.contains(edge.from.as_str()) || edge.from == CLIENT)
        })
        .map(|edge| format!("{} → {}", edge.from, edge.to))
        .collect();
    assert_none(&violations, &format!("{EDGES} names a service that does not exist"));
}

#[test]
fn the_binary_holds_the_same_table() {
    let listed: Vec<_> = edges()
        .into_iter()
        .flat_map(|edge| {
            let row = move |method| (edge.from.clone(), edge.to.clone(), method);
            edge.methods.into_iter().map(row)
        })
        .collect();
    let compiled = chappe_proto::edges::EDGES.iter();
    let compiled: Vec<_> = compiled
        .map(|edge| (edge.from.to_owned(), edge.to.to_owned(), edge.method.to_owned()))
        .collect();
    assert_eq!(compiled, listed);
}

#[test]
fn who_admits_clients_may_ask_about_their_keys() {
    const AUTHENTICATE: &str = "chappe.identity.v1.IdentityService/Authenticate";
    let asking: BTreeSet<String> = edges()
        .into_iter()
        .filter(|edge| edge.methods.iter().any(|method| method == AUTHENTICATE))
        .map(|edge| edge.from)
        .collect();
    let admitting = edges()
        .into_iter()
        .filter(|edge| edge.from == CLIENT)
        .map(|edge| edge.to);
    let violations: Vec<String> = admitting
        .filter(|service| service != OWNER_OF_KEYS && !asking.contains(service))
        .collect();
    assert_none(
        &violations,
        &format!("give these services the edge to {AUTHENTICATE} in {EDGES}"),
    );
}

#[test]
fn edges_name_methods_that_exist() {
    let methods = methods();
    let violations: Vec<String> = edges()
        .into_iter()
        .flat_map(|edge| edge.methods)
        .filter(|method| !methods.contains(method))
        .collect();
    assert_none(&violations, &format!("{EDGES} names methods that no contract has"));
}

#[test]
fn every_method_has_a_caller() {
    let called: BTreeSet<String> = edges().into_iter().flat_map(|edge| edge.methods).collect();
    let violations: Vec<String> = methods().difference(&called).cloned().collect();
    assert_none(&violations, &format!("say in {EDGES} who calls these methods"));
}

#[test]
fn calls_form_no_circle() {
    let mut callees: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for edge in edges() {
        callees.entry(edge.from).or_default().insert(edge.to);
    }
    // Whoever calls nobody that is left can go; what cannot go stands in or above a circle.
    while let Some(last) = callees
        .iter()
        .find(|(_, to)| to.iter().all(|callee| !callees.contains_key(callee)))
        .map(|(from, _)| from.clone())
    {
        callees.remove(&last);
    }
    let violations: Vec<String> = callees.into_keys().collect();
    assert_none(
        &violations,
        &format!("{EDGES} has a circle among these services or their callees"),
    );
}

pub(super) fn edges() -> Vec<Edge> {
    let list: EdgeList = Figment::from(Yaml::file_exact(format!("{ROOT}/{EDGES}")))
        .extract()
        .expect("the edge list is YAML of the expected shape");
    list.edges
}

/// The full names of all methods of our contracts.
fn methods() -> BTreeSet<String> {
    let mut methods = BTreeSet::new();
    for file in files()
        .iter()
        .filter(|file| file.has_extension("proto") && file.is_under("proto/chappe"))
    {
        let (mut package, mut service) = ("", "");
        for line in file.text.lines() {
            let mut words = line.trim().split([' ', ';', '(']);
            match (words.next(), words.next()) {
                (Some("package"), Some(name)) => package = name,
                (Some("service"), Some(name)) => service = name,
                (Some("rpc"), Some(name)) => {
                    methods.insert(format!("{package}.{service}/{name}"));
                }
                _ => {}
            }
        }
    }
    methods
}
