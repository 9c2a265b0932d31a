//! The sending side: a pool of pipelined connections to one server.
//!
//! ```text
//! Pool::send(batch) ── queue ──▶ worker ── Connection ──▶ server
//!        Outcomes  ◀── one Delivery per envelope
//! ```

mod address;
mod capabilities;
mod connection;
mod envelope;
mod job;
mod outcome;
mod pool;
mod queue;
mod transfer;
mod url;

pub use envelope::Envelope;
pub use outcome::{Delivery, Outcome, Outcomes};
pub use pool::{InvalidHeloName, Pool, PoolConfig};
pub use url::{InvalidUrl, SmtpUrl};
