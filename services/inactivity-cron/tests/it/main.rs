//! The program against a privacy service that plays a script, over TCP.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod fake;
mod follow;
