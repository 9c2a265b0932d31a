//! The list of errors against the sources.

use std::{collections::BTreeSet, fs};

use super::{File, ROOT, assert_none, files, sizes::lines_without_tests};

const PAGE: &str = "docs/errors.md";
/// Where 1.x and 2.x get their codes from.
const CODES: &str = "services/gateway/src/failure.rs";
/// Where items of an update get their faults from.
const FAULTS: &str = "services/ingestion/src/domain/reason.rs";

/// Tells a line that gives a code its number and its HTTP status.
const STATUS: &str = ", StatusCode::";

/// Tells a line that declares a flag of the command line: what it holds in capitals are placeholders and variables.
const FLAG: &str = "#[arg(";

/// Another upper-case literal next to errors that is no reason: how variables begin.
const PREFIX: &str = "CHAPPE__";

#[test]
fn every_reason_is_explained() {
    let reasons = files()
        .iter()
        .filter(|file| is_shipped(file))
        .flat_map(reasons)
        .collect();
    assert_same(&reasons, &first_cells("## Reasons"));
}

#[test]
fn every_code_of_rest_is_explained() {
    let numbered = |row: Vec<String>| format!("{} {}", row[0], row[1]);
    let explained = rows("## Codes of 1.x and 2.x").into_iter().map(numbered).collect();
    assert_same(&source(CODES).lines().filter_map(code).collect(), &explained);
}

#[test]
fn every_fault_of_an_item_is_explained() {
    let sentence = |line: &str| Some(line.split_once(" = \"")?.1.strip_suffix("\",")?.to_owned());
    let faults = source(FAULTS).lines().filter_map(sentence).collect();
    assert_same(&faults, &first_cells("## What is wrong with an item"));
}

#[test]
fn explanations_are_in_alphabetical_order() {
    let page = source(PAGE);
    let lines: Vec<&str> = page.lines().collect();
    let violations: Vec<String> = lines
        .windows(2)
        .filter(|pair| pair.iter().all(|line| is_row(line)))
        .map(|pair| (cells(pair[0]).remove(0), cells(pair[1]).remove(0)))
        .filter(|(above, below)| above >= below)
        .map(|(_, below)| below)
        .collect();
    assert_none(&violations, &format!("move these rows of {PAGE} up, or drop them"));
}

fn is_shipped(file: &File) -> bool {
    let in_tests = file.path.iter().any(|part| part == "tests" || part == "tests.rs");
    file.has_extension("rs") && !in_tests && (file.is_under("crates") || file.is_under("services"))
}

/// Whatever looks like a reason in code that makes errors or looks into them.
fn reasons(file: &File) -> BTreeSet<String> {
    let code: Vec<&str> = file.text.lines().take(lines_without_tests(&file.text)).collect();
    let makes_errors = |line: &&str| line.contains("ErrorKind") || line.contains("Error::invalid(");
    if !code.iter().any(makes_errors) {
        return BTreeSet::new();
    }
    code.iter()
        .filter(|line| !line.contains(STATUS) && !line.contains(FLAG))
        .flat_map(|line| line.split('"').skip(1))
        .filter(|text| is_upper_snake(text) && *text != PREFIX)
        .map(ToOwned::to_owned)
        .collect()
}

fn is_upper_snake(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.starts_with(|first: char| first.is_ascii_uppercase()) && text.bytes().all(known)
}

/// `… => ("API_MISUSE", 12, StatusCode::FORBIDDEN)` as `API_MISUSE 12`.
fn code(line: &str) -> Option<String> {
    let (name, number) = line.split_once(STATUS)?.0.rsplit_once('(')?.1.split_once(", ")?;
    Some(format!("{} {number}", name.trim_matches('"')))
}

/// The names that the tables under a heading explain.
fn first_cells(heading: &str) -> BTreeSet<String> {
    rows(heading).into_iter().map(|mut row| row.remove(0)).collect()
}

/// The cells of the tables under a heading.
fn rows(heading: &str) -> Vec<Vec<String>> {
    source(PAGE)
        .lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| is_row(line))
        .map(cells)
        .collect()
}

fn cells(row: &str) -> Vec<String> {
    let cells = row.split('|').skip(1);
    cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
}

fn is_row(line: &str) -> bool {
    line.starts_with("| `")
}

fn source(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[track_caller]
fn assert_same(known: &BTreeSet<String>, explained: &BTreeSet<String>) {
    assert!(!known.is_empty(), "the sources are not written as this test expects");
    let missing = known.difference(explained).map(|name| format!("{name} has no row"));
    let gone = explained
        .difference(known)
        .map(|name| format!("{name} is in no source"));
    let violations: Vec<String> = missing.chain(gone).collect();
    assert_none(
        &violations,
        &format!("{PAGE} explains every error that there is, and no other"),
    );
}
