//! The mesh as separate processes, and what it keeps when they, or their stores, fail.

mod support;

mod cut;
mod kill;
mod path;
mod redis;
mod replicas;
