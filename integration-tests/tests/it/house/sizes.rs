use super::{File, assert_none, files};

/// Lines of a source file, its tests aside, that nothing excuses.
const STOP: usize = 500;
/// Lines of a source file, its tests aside, that need an entry in `LONG`.
const USUAL: usize = 300;

/// Source files between the two limits. This list only shrinks.
const LONG: [&str; 0] = [];

#[test]
fn source_files_stay_small() {
    let mut violations = Vec::new();
    for file in sources() {
        let (path, lines) = (file.path.display().to_string(), lines_without_tests(&file.text));
        let listed = LONG.contains(&path.as_str());
        match lines {
            lines if lines > STOP => violations.push(format!("{path}: {lines} lines, {STOP} is the stop")),
            lines if lines > USUAL && !listed => violations.push(format!("{path}: {lines} lines, {USUAL} is usual")),
            lines if lines <= USUAL && listed => violations.push(format!("{path}: short enough, take it off LONG")),
            _ => {}
        }
    }
    assert_none(&violations, "cut these files by use-case (their tests do not count)");
}

/// Rust that is compiled into the crates.
fn sources() -> impl Iterator<Item = File> {
    files().into_iter().filter(|file| {
        let in_tests = file.path.iter().any(|part| part == "tests");
        file.has_extension("rs") && !in_tests
    })
}

/// The lines before the test module at the foot of the file.
pub(super) fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{'))
        .unwrap_or(lines.len())
}
