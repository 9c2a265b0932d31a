//! What an automation is and what follows from an event or from time passing. Pure: no store, no clock, no wire.

pub(crate) mod definition;
pub(crate) mod entry;
pub(crate) mod instance;
pub(crate) mod interest;
pub(crate) mod interpreter;
pub(crate) mod parse;
pub(crate) mod quiet;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;
