//! The same suites over both arms, and what happens when Redis goes away.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes only the test functions themselves for tests"
)]

mod dedup;
mod hints;
mod limits;
mod locks;
mod outage;
mod redis_keys;
mod support;
