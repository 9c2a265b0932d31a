#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod dot;
mod inbound;
mod reply;

pub mod client;
pub mod scripted;
pub mod server;

pub use client::{Delivery, Envelope, Outcome, Outcomes, Pool, PoolConfig, SmtpUrl};
pub use reply::{Enhanced, Reply};
pub use server::{Handler, Received, Receiver};
