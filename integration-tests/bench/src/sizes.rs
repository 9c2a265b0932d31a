//! How much is measured.

use std::time::Duration;

/// Items of one call in bulk: what the REST API takes at most.
pub(crate) const BATCH: usize = 200;

/// Connections that send updates, to Chappe and to the database alike.
pub(crate) const CONNECTIONS: usize = 4;

/// Octets of a message on the wire, about; what the SMTP ceiling sends.
pub(crate) const MESSAGE_OCTETS: usize = 5_700;

/// Connections to the relay, of every client: the default of Chappe.
pub(crate) const RELAY_CONNECTIONS: usize = 8;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Times that Chappe and its ceiling take turns.
    pub(crate) rounds: usize,
    /// Calls of one turn of updates.
    pub(crate) calls: usize,
    /// Events that saturate the path from event to mail.
    pub(crate) flood: usize,
    /// How long the load of half of it lasts.
    pub(crate) steady: Duration,
    /// Messages that wait for the relay to open.
    pub(crate) backlog: usize,
    /// Messages of one turn of the SMTP ceiling.
    pub(crate) raw_messages: usize,
    /// How long an idle process is left alone before it is looked at.
    pub(crate) idle: Duration,
}

pub(crate) const FULL: Sizes = Sizes {
    rounds: 3,
    calls: 160,
    flood: 10_000,
    steady: Duration::from_secs(10),
    backlog: 20_000,
    raw_messages: 50_000,
    idle: Duration::from_secs(5),
};

pub(crate) const QUICK: Sizes = Sizes {
    rounds: 1,
    calls: 8,
    flood: 400,
    steady: Duration::from_secs(1),
    backlog: 400,
    raw_messages: 1_000,
    idle: Duration::from_secs(1),
};
