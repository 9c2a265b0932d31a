use std::fs;

use super::{File, ROOT, assert_none, files};

/// Crates that must not even stand in the lock: the one TLS and crypto stack is rustls on aws-lc-rs.
const BANNED: [&str; 4] = ["native-tls", "openssl", "openssl-sys", "ring"];

/// Generated code does not meet our lints.
const WITHOUT_LINTS: &str = "crates/proto/Cargo.toml";

#[test]
fn every_member_inherits_the_lints() {
    let violations: Vec<String> = members()
        .filter(|manifest| manifest.path.as_os_str() != WITHOUT_LINTS)
        .filter(|manifest| !manifest.text.contains("[lints]\nworkspace = true\n"))
        .map(|manifest| manifest.path.display().to_string())
        .collect();
    assert_none(&violations, "add `[lints]` with `workspace = true` to these manifests");
}

#[test]
fn the_workspace_decides_every_version_and_feature() {
    let mut violations = Vec::new();
    for manifest in members() {
        let dependencies = entries(&manifest.text, |section| section.ends_with("dependencies"));
        for line in dependencies.filter(|line| !line.ends_with(".workspace = true")) {
            violations.push(format!("{}: {line}", manifest.path.display()));
        }
    }
    assert_none(
        &violations,
        "move version and features to [workspace.dependencies] and write `name.workspace = true`, so that a member built alone compiles what the workspace compiles",
    );
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let root = fs::read_to_string(format!("{ROOT}/Cargo.toml")).expect("the workspace has a manifest");
    let violations: Vec<String> = entries(&root, |section| section == "workspace.dependencies")
        .filter(|line| !line.contains("path = "))
        .filter(|line| {
            line.split_once(" # ")
                .is_none_or(|(_, reason)| reason.trim().is_empty())
        })
        .map(str::to_owned)
        .collect();
    assert_none(
        &violations,
        "add a comment on the line that says what the dependency is for",
    );
}

#[test]
fn banned_crates_are_not_in_the_lock() {
    let lock = fs::read_to_string(format!("{ROOT}/Cargo.lock")).expect("the lock is committed");
    let violations: Vec<String> = BANNED
        .iter()
        .filter(|name| lock.contains(&format!("name = \"{name}\"\n")))
        .map(|&name| name.to_owned())
        .collect();
    assert_none(
        &violations,
        "find who brings these in (`cargo tree --invert NAME`) and turn that feature off",
    );
}

/// The manifests of the members.
fn members() -> impl Iterator<Item = File> {
    files()
        .into_iter()
        .filter(|file| file.path.ends_with("Cargo.toml") && file.path.components().count() > 1)
}

/// The lines of the sections with a wanted name, without comments and empty lines.
fn entries(manifest: &str, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
    let mut inside = false;
    manifest.lines().filter(move |line| {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            inside = wanted(section);
            return false;
        }
        inside && !line.is_empty() && !line.starts_with('#')
    })
}
