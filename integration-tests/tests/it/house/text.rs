use super::{File, assert_none, files};

/// Code that may sleep: it spaces out retries. Everything else waits for what it needs, or pauses time.
const SLEEPERS: [&str; 4] = [
    "crates/kit/src/grpc/balancer",
    "crates/kit/src/grpc/retry",
    "crates/store/src/db.rs",
    "services/chappe/src/import/patience.rs",
];

/// These tests name what they look for.
const OURSELVES: &str = "integration-tests/tests/it/house";

#[test]
fn nothing_sleeps() {
    let violations = lines_with(&["time::sleep", "time::{sleep", "thread::sleep"], |file| {
        file.has_extension("rs") && !SLEEPERS.iter().any(|path| file.is_under(path))
    });
    assert_none(
        &violations,
        "a sleep makes a race rarer, not gone: pause time, use Notify, or wait for the thing itself",
    );
}

#[test]
fn nothing_is_ignored_or_left_to_do() {
    let marks = ["#[ignore", "todo!(", "unimplemented!(", "TODO", "FIXME"];
    let violations = lines_with(&marks, |file| file.has_extension("rs") || file.has_extension("proto"));
    assert_none(&violations, "finish it, delete it, or write it into an issue");
}

#[test]
fn a_module_with_children_is_a_folder() {
    let files = files();
    let violations: Vec<String> = files
        .iter()
        .filter(|file| file.has_extension("rs"))
        .filter(|file| {
            let folder = file.path.with_extension("");
            files.iter().any(|other| other.path.starts_with(&folder))
        })
        .map(|file| file.path.display().to_string())
        .collect();
    assert_none(
        &violations,
        "move NAME.rs to NAME/mod.rs: one convention for modules with children",
    );
}

#[test]
fn the_repository_stands_alone() {
    let violations = lines_with(&["../shared"], |_| true);
    assert_none(&violations, "the repository refers to nothing outside itself");
}

/// The lines with one of some words, in the files that are wanted.
fn lines_with(words: &[&str], wanted: impl Fn(&File) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in files().iter().filter(|file| !file.is_under(OURSELVES) && wanted(file)) {
        for (index, line) in file.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{}: {}", file.path.display(), index + 1, line.trim()));
            }
        }
    }
    found
}
