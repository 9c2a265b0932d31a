use cargo_metadata::{Dependency, DependencyKind, Package};

use super::{assert_none, workspace};

/// The crates from the ground up. A crate may use those of the layers below its own.
const LAYERS: [&[&str]; 5] = [
    &["chappe-ids", "chappe-proto", "chappe-smtp"],
    &["chappe-kit", "chappe-query"],
    &["chappe-coordination", "chappe-store"],
    &["chappe-testkit"],
    &[
        "automation",
        "email-sender",
        "gateway",
        "identity",
        "inactivity-cron",
        "ingestion",
        "privacy",
        "profile-store",
    ],
];

/// Who wires the services together, and so sees everything.
const TOP: [&str; 3] = ["chappe", "chappe-bench", "chappe-integration-tests"];

/// The crate that carries the protobuf compiler.
const CONTRACTS: &str = "chappe-proto";

#[test]
fn dependencies_point_one_way() {
    let mut violations = Vec::new();
    for package in &workspace().packages {
        for dependency in ours(package) {
            if !may_use(&package.name, dependency) {
                violations.push(format!("{} uses {}", package.name, dependency.name));
            }
        }
    }
    assert_none(
        &violations,
        "services use crates, crates use those of lower layers, and a service reaches another through its generated client",
    );
}

#[test]
fn every_member_has_a_layer() {
    let violations: Vec<String> = workspace()
        .packages
        .iter()
        .filter(|package| layer(&package.name).is_none())
        .map(|package| package.name.to_string())
        .collect();
    assert_none(&violations, "say in LAYERS where these members stand");
}

#[test]
fn shipped_code_does_not_use_the_test_harness() {
    let violations: Vec<String> = workspace()
        .packages
        .iter()
        .filter(|package| package.name.as_str() != "chappe-integration-tests")
        .filter(|package| {
            ours(package).any(|used| used.name == "chappe-testkit" && used.kind != DependencyKind::Development)
        })
        .map(|package| package.name.to_string())
        .collect();
    assert_none(&violations, "make chappe-testkit a dev-dependency of these members");
}

#[test]
fn only_the_contracts_compile_protobuf() {
    let violations: Vec<String> = workspace()
        .packages
        .iter()
        .filter(|package| package.name.as_str() != CONTRACTS)
        .filter(|package| {
            let compilers = ["protox", "tonic-prost-build", "prost-build"];
            package
                .dependencies
                .iter()
                .any(|used| compilers.contains(&used.name.as_str()))
        })
        .map(|package| package.name.to_string())
        .collect();
    assert_none(
        &violations,
        "the protobuf compiler costs seconds wherever it is built: let these members use chappe-proto",
    );
}

/// The dependencies of a member that are members themselves.
fn ours(package: &Package) -> impl Iterator<Item = &Dependency> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.path.is_some())
}

fn may_use(member: &str, dependency: &Dependency) -> bool {
    let harness = dependency.name == "chappe-testkit" && dependency.kind == DependencyKind::Development;
    harness || layer(&dependency.name) < layer(member)
}

fn layer(name: &str) -> Option<usize> {
    if TOP.contains(&name) {
        return Some(LAYERS.len());
    }
    LAYERS.iter().position(|crates| crates.contains(&name))
}
