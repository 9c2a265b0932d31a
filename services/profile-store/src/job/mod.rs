//! Background work.

pub(crate) mod purge;
