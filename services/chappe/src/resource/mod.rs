//! Resources as people write them.

pub(crate) mod document;
pub(crate) mod kind;
