//! Privacy on its own store, among services that play along, fail on command and stop in the middle.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod fake;
mod world;

mod audit;
mod brakes;
mod inactivity;
mod list;
mod not_found;
mod remove;
mod resume;
mod review;
