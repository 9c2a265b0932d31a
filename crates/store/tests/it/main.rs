//! The store on both engines.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod harness;
mod idempotency;
mod lease;
mod migrate;
mod outbox;
mod retired;
mod rows;
mod versions;
mod write;
