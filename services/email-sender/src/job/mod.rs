//! What goes on without being asked.

pub(crate) mod deliver;
pub(crate) mod lapse;
pub(crate) mod purge;
pub(crate) mod relay;
