//! Decisions: no I/O, no clock.

pub(crate) mod archive;
pub(crate) mod audit;
pub(crate) mod backoff;
pub(crate) mod brakes;
pub(crate) mod period;
pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod target;
