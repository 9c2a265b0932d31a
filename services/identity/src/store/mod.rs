//! Queries, one file per aggregate.

pub(crate) mod blocked;
pub(crate) mod identifier;
pub(crate) mod key;
pub(crate) mod project;
