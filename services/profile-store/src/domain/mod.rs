//! Pure types and decisions.

pub(crate) mod edit;
pub(crate) mod fold;
pub(crate) mod profile;
