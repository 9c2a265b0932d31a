//! The rules of the house that clippy cannot hold. Each test names what breaks the rule and what to do about it.

mod chart;
mod edges;
mod errors;
mod layers;
mod manifests;
mod sizes;
mod text;

use std::{
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{Metadata, MetadataCommand};

/// Tests run in the directory of their package.
const ROOT: &str = "..";

/// Directories that hold nothing of ours.
const FOREIGN: [&str; 4] = [".git", "chappe-data", "node_modules", "target"];

/// A text file of the repository.
struct File {
    /// Relative to the root of the repository.
    path: PathBuf,
    text: String,
}

impl File {
    fn has_extension(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|own| own == extension)
    }

    fn is_under(&self, directory: &str) -> bool {
        self.path.starts_with(directory)
    }
}

/// Every text file of the repository, in the order of their paths.
fn files() -> Vec<File> {
    let mut files = Vec::new();
    collect(Path::new(ROOT), &mut files);
    files.sort_by(|left, right| left.path.cmp(&right.path));
    assert!(
        files.len() > 50,
        "the repository was not found at {ROOT}: {} files",
        files.len()
    );
    files
}

fn collect(directory: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(directory).expect("the repository is readable") {
        let path = entry.expect("the repository is readable").path();
        if path.is_dir() {
            let foreign = path.file_name().is_some_and(|name| FOREIGN.iter().any(|f| name == *f));
            if !foreign {
                collect(&path, files);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(ROOT).expect("the walk starts at the root").to_owned();
            files.push(File { path, text });
        }
    }
}

/// The members of the workspace and what each depends on directly.
fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(Path::new(ROOT).join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata describes the workspace")
}

/// Fails with every violation of a rule and its remedy.
#[track_caller]
fn assert_none(violations: &[String], remedy: &str) {
    assert!(violations.is_empty(), "{remedy}:\n  {}\n", violations.join("\n  "));
}
