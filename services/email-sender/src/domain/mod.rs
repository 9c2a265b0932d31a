//! Decisions and types: no I/O, no clock, no contracts.

pub(crate) mod bounce;
pub(crate) mod decision;
pub(crate) mod engagement;
pub(crate) mod mail;
pub(crate) mod message;
pub(crate) mod path;
pub(crate) mod resource;
pub(crate) mod retry;
pub(crate) mod template;
pub(crate) mod token;
