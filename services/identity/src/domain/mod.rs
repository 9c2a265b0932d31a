//! Pure types and decisions.

pub(crate) mod identifier;
pub(crate) mod public_id;
pub(crate) mod settings;
