//! The real binary as a user runs it: start, write, import, kill, resume, erase, and the mails that come out.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod support;

mod chart;
mod demo;
mod import;
mod inactivity;
mod mail;
mod privacy;
mod refusals;
mod restart;
mod stop;
