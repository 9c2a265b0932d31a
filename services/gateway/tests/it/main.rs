//! The routes, over peers that are played by the test.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod answers;
mod errors;
mod gdpr;
mod idempotency;
mod limits;
mod links;
mod native;
mod order;
mod profiles;
mod properties;
mod resources;
mod serve;
mod support;
