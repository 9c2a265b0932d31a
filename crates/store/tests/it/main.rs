//! The store on both engines.

mod harness;
mod idempotency;
mod lease;
mod migrate;
mod outbox;
mod retired;
mod rows;
mod write;
