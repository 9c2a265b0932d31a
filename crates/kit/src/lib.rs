//! What every service is built from.

pub mod clock;
pub mod error;

pub use clock::{Clock, IdGen, Timestamp};
pub use error::{BestEffort, Error, ErrorKind};
