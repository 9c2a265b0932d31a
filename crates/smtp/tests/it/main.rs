//! The client against receivers that behave, that misbehave by script, and that are played by hand.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod idle;
mod outcomes;
mod pipelining;
mod receiver;
mod support;
mod volume;
