//! Scenarios across the whole mesh, and the rules of the house.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod house;
mod mesh;
mod trust;
