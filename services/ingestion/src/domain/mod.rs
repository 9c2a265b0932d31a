//! Pure types and decisions.

pub(crate) mod edit;
pub(crate) mod reason;
pub(crate) mod validate;
