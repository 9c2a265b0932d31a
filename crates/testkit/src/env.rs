/// The address of a real store from `variable`. Without it the test is passed over with a line on stderr, or
/// fails where `required` is set.
pub(crate) fn store_url(variable: &str, required: &str) -> Option<String> {
    let url = read(variable);
    assert!(
        url.is_some() || read(required).is_none(),
        "{required} is set, but {variable} is not"
    );
    if url.is_none() {
        eprintln!("passed over: {variable} is not set");
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
