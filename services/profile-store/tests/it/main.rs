//! The service through its contract, on both stores.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod app_data;
mod apply;
mod concurrency;
mod engagement;
mod feed;
mod idempotency;
mod inactivity;
mod purge;
mod statements;
mod subject;
mod support;
mod targeting;
mod tenancy;
