//! The service against fake peers, on both stores.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod definitions;
mod entries;
mod lanes;
mod messages;
mod peers;
mod subject;
mod support;
