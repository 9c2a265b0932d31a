#![doc = include_str!("../README.md")]

pub mod admin;
pub mod clock;
mod closest;
pub mod config;
pub mod error;
pub mod grpc;
pub mod health;
pub mod keys;
pub mod lifecycle;
mod runtime;
pub mod skew;
pub mod telemetry;
pub mod trace;

pub use clock::{Clock, IdGen, Timestamp};
pub use closest::{closest, did_you_mean};
pub use error::{BestEffort, Error, ErrorKind, Violation};
pub use keys::MasterKey;
pub use lifecycle::Lifecycle;
pub use runtime::Runtime;
