//! The service between a real SMTP receiver, real stores, and a profile-store that remembers what it hears.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod consent;
mod delivery;
mod failures;
mod people;
mod profiles;
mod resources;
mod support;
mod tracking;
