//! The mesh as separate processes, and what it keeps when they, or their stores, fail.

mod support;

mod churn;
mod claims;
mod cut;
mod faults;
mod kill;
mod path;
mod postgres;
mod redis;
mod rolling;
mod trace;
