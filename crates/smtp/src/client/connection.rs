//! One connection: opening it, writing, and reading replies.

use std::{io, sync::Arc, time::Duration};

use data_encoding::BASE64;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

use super::{PoolConfig, capabilities::Capabilities, url::Credentials};
use crate::{
    inbound::Inbound,
    reply::{Malformed, Reply, frame},
};

/// Room for one read. The replies to a message and to the commands of the next come together and fit.
const READ_CHUNK: usize = 4 * 1024;
/// How long the server's answer to `QUIT` is waited for: nothing depends on it.
const QUIT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Connection {
    pub(super) config: Arc<PoolConfig>,
    pub(super) capabilities: Capabilities,
    /// Written by the next [`Connection::flush`].
    pub(super) out: Vec<u8>,
    /// Transactions begun over this connection.
    pub(super) carried: u32,
    /// A transaction was begun and refused half way: `MAIL` would be out of place before a `RSET`.
    pub(super) needs_reset: bool,
    /// Neither lost, nor closed by the server, nor out of step.
    pub(super) usable: bool,
    stream: TcpStream,
    inbound: Inbound,
}

/// Why a connection is of no more use. The text goes into the outcome of messages.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("the SMTP server cannot be reached: {0}")]
    Connect(#[source] io::Error),
    #[error("the SMTP server closed the connection")]
    Closed,
    #[error("the connection to the SMTP server broke: {0}")]
    Broken(#[source] io::Error),
    #[error("the SMTP server was silent for {0:?}")]
    Silent(Duration),
    #[error("the SMTP server did not read for {0:?}")]
    NotReading(Duration),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the SMTP server answered {0} where that is no answer")]
    Unexpected(Reply),
    #[error("the SMTP server answered {reply} to {step}")]
    TurnedAway { step: &'static str, reply: Reply },
    #[error("the SMTP server offers no AUTH PLAIN; it is the only way to log in that this version knows")]
    NoAuthPlain,
    #[error("the pool is closed")]
    PoolClosed,
    #[error("the SMTP server's name leads to another host; a password is sent to this host only")]
    NotLoopback,
}

impl Connection {
    /// Connects, greets, and logs in.
    pub(super) async fn open(config: &Arc<PoolConfig>) -> Result<Self, Lost> {
        let url = &config.url;
        let limit = config.connect_timeout;
        let stream = timeout(limit, TcpStream::connect((url.host(), url.port())))
            .await
            .map_err(|_| Lost::Silent(limit))?
            .map_err(Lost::Connect)?;
        // The last commands of a write must not wait for the acknowledgement of what went before.
        stream.set_nodelay(true).map_err(Lost::Connect)?;
        let mut connection = Self {
            config: Arc::clone(config),
            capabilities: Capabilities::default(),
            out: Vec::new(),
            carried: 0,
            needs_reset: false,
            usable: true,
            stream,
            inbound: Inbound::new(READ_CHUNK),
        };
        connection.expect_success("connecting", None).await?;
        connection.hello().await?;
        if let Some(credentials) = url.credentials() {
            connection.log_in(credentials).await?;
        }
        Ok(connection)
    }

    /// `EHLO`, and `HELO` to a server that does not know it (RFC 5321 §3.2).
    async fn hello(&mut self) -> Result<(), Lost> {
        let name = self.config.helo_name.clone();
        self.out.extend_from_slice(format!("EHLO {name}\r\n").as_bytes());
        self.flush().await.map_err(|broken| broken.lost)?;
        let length = self.await_reply(self.config.command_timeout).await?;
        let framed = &self.inbound.unread()[..length];
        let reply = Reply::parse(framed)?;
        self.capabilities = Capabilities::parse(framed);
        self.inbound.consume(length);
        match reply.code {
            250 => Ok(()),
            500..=599 => self.expect_success("HELO", Some(format!("HELO {name}\r\n"))).await,
            _ => Err(Lost::TurnedAway { step: "EHLO", reply }),
        }
    }

    /// `AUTH PLAIN` (RFC 4616), to this host only.
    async fn log_in(&mut self, credentials: &Credentials) -> Result<(), Lost> {
        if !self.stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()) {
            return Err(Lost::NotLoopback);
        }
        if !self.capabilities.auth_plain {
            return Err(Lost::NoAuthPlain);
        }
        let Credentials { user, password } = credentials;
        let secret = BASE64.encode(format!("\0{user}\0{password}").as_bytes());
        self.expect_success("AUTH", Some(format!("AUTH PLAIN {secret}\r\n")))
            .await
    }

    async fn expect_success(&mut self, step: &'static str, command: Option<String>) -> Result<(), Lost> {
        if let Some(command) = command {
            self.out.extend_from_slice(command.as_bytes());
            self.flush().await.map_err(|broken| broken.lost)?;
        }
        let reply = self.reply(self.config.command_timeout).await?;
        if reply.is_success() {
            Ok(())
        } else {
            Err(Lost::TurnedAway { step, reply })
        }
    }

    /// Writes what [`Connection::out`] holds and empties it.
    pub(super) async fn flush(&mut self) -> Result<(), BrokenWrite> {
        let limit = self.config.write_timeout;
        let mut written = 0;
        let result = loop {
            let rest = &self.out[written..];
            if rest.is_empty() {
                break Ok(());
            }
            let lost = match timeout(limit, self.stream.write(rest)).await {
                Ok(Ok(0)) => Lost::Closed,
                Ok(Ok(octets)) => {
                    written += octets;
                    continue;
                }
                Ok(Err(error)) => Lost::Broken(error),
                Err(_) => Lost::NotReading(limit),
            };
            break Err(BrokenWrite { written, lost });
        };
        self.out.clear();
        result
    }

    /// The next reply, which must be complete within `limit`.
    pub(super) async fn reply(&mut self, limit: Duration) -> Result<Reply, Lost> {
        let length = self.await_reply(limit).await?;
        let reply = Reply::parse(&self.inbound.unread()[..length])?;
        self.inbound.consume(length);
        Ok(reply)
    }

    /// Waits for a whole reply; answers its length.
    async fn await_reply(&mut self, limit: Duration) -> Result<usize, Lost> {
        let mut deadline = None;
        loop {
            if let Some(length) = frame(self.inbound.unread())? {
                return Ok(length);
            }
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + limit);
            match timeout_at(deadline, self.inbound.fill(&mut self.stream)).await {
                Ok(Ok(0)) => return Err(Lost::Closed),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(Lost::Broken(error)),
                Err(_) => return Err(Lost::Silent(limit)),
            }
        }
    }

    /// Ends when the server closes the connection or says something unasked, which comes to the same.
    pub(super) async fn closed_by_server(&mut self) {
        if self.inbound.unread().is_empty() {
            self.inbound.fill(&mut self.stream).await.ok();
        }
    }

    /// Says goodbye. The answer is waited for, so that the server does not see the connection break.
    pub(super) async fn quit(mut self) {
        self.out.extend_from_slice(b"QUIT\r\n");
        let goodbye = async {
            if self.flush().await.is_ok() {
                self.reply(QUIT_TIMEOUT).await.ok();
            }
        };
        timeout(QUIT_TIMEOUT, goodbye).await.ok();
    }
}

/// A write that failed, and how many octets had been taken by then.
pub(super) struct BrokenWrite {
    pub(super) written: usize,
    pub(super) lost: Lost,
}
