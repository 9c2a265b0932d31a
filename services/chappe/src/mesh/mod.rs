//! Wiring: which service gets which store and which peers, in one process and in many.

mod context;
pub(crate) mod database;
pub(crate) mod embedded;
pub(crate) mod first_start;
mod listeners;
mod neighbours;
mod part;
pub(crate) mod process;
pub(crate) mod single;
mod store;
