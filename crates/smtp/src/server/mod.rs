//! The receiving side: a listener that hands every message to a [`Handler`].
//!
//! It takes what it is given: no authentication, no relaying, no look-ups. It is what the capture mailbox and the tests
//! listen with, not a mail exchanger for the open network.

mod command;
mod handler;
mod session;
mod transaction;

use std::{
    io,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

pub use handler::{Action, At, Handler, Received, Stage};
use session::Session;
use tokio::{
    net::{TcpListener, TcpStream, ToSocketAddrs},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tracing::warn;

use crate::reply::Reply;

/// Octets of a message, unless set otherwise: what Postfix takes by default, ten times over.
pub const DEFAULT_MAX_MESSAGE: usize = 100 * 1024 * 1024;
/// Connections at the same time; the next is turned away with 421.
pub const MAX_CONNECTIONS: usize = 1_000;
/// Recipients of one message: no fewer may be taken (RFC 5321 §4.5.3.1.8).
pub const MAX_RECIPIENTS: usize = 100;
/// How long a client may be silent (RFC 5321 §4.5.3.2.7).
pub const CLIENT_TIMEOUT: Duration = Duration::from_mins(5);

/// A pause after the operating system refuses a connection, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound listener, not yet serving.
pub struct Receiver {
    listener: TcpListener,
    settings: Settings,
}

#[derive(Clone)]
struct Settings {
    hostname: String,
    max_message: usize,
    pipelining: bool,
}

impl Receiver {
    /// Listens on an address; port 0 takes a free one.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            settings: Settings {
                hostname: "localhost".to_owned(),
                max_message: DEFAULT_MAX_MESSAGE,
                pipelining: true,
            },
        })
    }

    /// The name in the greeting; `localhost` unless set.
    #[must_use]
    pub fn hostname(mut self, hostname: impl Into<String>) -> Self {
        self.settings.hostname = hostname.into();
        self
    }

    /// Octets of a message, announced with `SIZE`; [`DEFAULT_MAX_MESSAGE`] unless set.
    #[must_use]
    pub fn max_message(mut self, octets: usize) -> Self {
        self.settings.max_message = octets;
        self
    }

    /// Does not announce PIPELINING (it is understood all the same).
    #[must_use]
    pub fn without_pipelining(mut self) -> Self {
        self.settings.pipelining = false;
        self
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` ends: then it takes no more connections, lets every client finish the message it is
    /// sending, answers 421 to the rest, and returns when all are gone. Dropped, it cuts them.
    pub async fn serve<H: Handler>(self, handler: Arc<H>, shutdown: impl Future<Output = ()>) {
        let (stop, stopping) = watch::channel(false);
        let messages = Arc::new(AtomicU64::new(0));
        let mut sessions = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                Some(_) = sessions.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) if sessions.len() < MAX_CONNECTIONS => {
                    let session = Session::new(
                        stream,
                        Arc::clone(&handler),
                        self.settings.clone(),
                        Arc::clone(&messages),
                        stopping.clone(),
                    );
                    sessions.spawn(session.run());
                }
                Ok((stream, _)) => turn_away(&stream),
                Err(error) => {
                    warn!(cause = %error, "an SMTP connection could not be accepted");
                    timeout(ACCEPT_PAUSE, std::future::pending::<()>()).await.ok();
                }
            }
        }
        drop(self.listener);
        stop.send_replace(true);
        while sessions.join_next().await.is_some() {}
    }
}

fn turn_away(stream: &TcpStream) {
    let mut line = Vec::new();
    Reply::new(421, "4.7.0", "too many connections").write_to(&mut line);
    // A fresh socket has room for a line; a client that is gone already needs none.
    stream.try_write(&line).ok();
}
