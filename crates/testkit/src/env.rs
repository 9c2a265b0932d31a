use std::{io::Write as _, sync::Mutex};

/// What was said to be missing already: once a run is enough.
static SAID: Mutex<Vec<&str>> = Mutex::new(Vec::new());

/// The address of a real store from `variable`. Without it the test is passed over with a line on stderr, or
/// fails where `required` is set.
pub(crate) fn store_url(variable: &'static str, required: &str) -> Option<String> {
    let url = read(variable);
    assert!(
        url.is_some() || read(required).is_none(),
        "{required} is set, but {variable} is not"
    );
    let mut said = SAID.lock().expect("nobody panics while holding it");
    if url.is_none() && !said.contains(&variable) {
        said.push(variable);
        // Not eprintln: the harness would keep it to itself, since the test passes.
        writeln!(std::io::stderr(), "tests that need {variable} are passed over").ok();
    }
    url
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where tests learn what they may use"
)]
fn read(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}
