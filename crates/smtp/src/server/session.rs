//! One client's connection.

use std::{
    io,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use memchr::memchr;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::watch, time::timeout};

use super::{
    CLIENT_TIMEOUT, Handler, Settings, Stage,
    command::{self, Command},
};
use crate::{inbound::Inbound, reply::Reply};

/// Room for one read.
const READ_CHUNK: usize = 64 * 1024;
/// Octets of a command line. RFC 5321 §4.5.3.1.4 asks for 512 and extensions add to it.
const MAX_LINE: usize = 4 * 1024;
/// Errors of a client before it is sent away.
const MAX_ERRORS: u32 = 20;
/// How long a closed connection is read on, so that the last reply is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);

pub(super) struct Session<H> {
    pub(super) handler: Arc<H>,
    pub(super) settings: Settings,
    pub(super) messages: Arc<AtomicU64>,
    pub(super) inbound: Inbound,
    pub(super) greeted: bool,
    pub(super) mail_from: Option<String>,
    pub(super) rcpt_to: Vec<String>,
    stream: TcpStream,
    stopping: watch::Receiver<bool>,
    out: Vec<u8>,
    errors: u32,
}

/// How a session ends.
pub(super) enum End {
    /// What was said is sent, then the connection is closed in order.
    Close,
    /// The connection is dropped where it stands.
    Abort,
    /// Nothing is said any more.
    Stall,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Abort
    }
}

impl<H: Handler> Session<H> {
    pub(super) fn new(
        stream: TcpStream,
        handler: Arc<H>,
        settings: Settings,
        messages: Arc<AtomicU64>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            stream,
            handler,
            settings,
            messages,
            stopping,
            inbound: Inbound::new(READ_CHUNK),
            out: Vec::new(),
            greeted: false,
            mail_from: None,
            rcpt_to: Vec::new(),
            errors: 0,
        }
    }

    pub(super) async fn run(mut self) {
        self.stream.set_nodelay(true).ok();
        let Err(end) = self.converse().await;
        if self.flush().await.is_err() {
            return;
        }
        match end {
            End::Abort => {}
            End::Close => {
                self.stream.shutdown().await.ok();
                timeout(LINGER, self.discard()).await.ok();
            }
            End::Stall => {
                let mut stopping = self.stopping.clone();
                tokio::select! {
                    () = self.discard() => {}
                    _ = stopping.wait_for(|stop| *stop) => {}
                }
            }
        }
    }

    async fn converse(&mut self) -> Result<std::convert::Infallible, End> {
        let greeting = Reply::plain(220, format!("{} ESMTP", self.settings.hostname));
        self.answer(Stage::Greeting, greeting)?;
        loop {
            let command = self.command().await?;
            let refused = match command {
                Ok(command) => self.obey(command).await?,
                Err(refusal) => Some(refusal),
            };
            if let Some(refusal) = refused {
                self.say(&refusal);
                self.errors += 1;
                if self.errors >= MAX_ERRORS {
                    self.say(&Reply::new(421, "4.7.0", "too many errors"));
                    return Err(End::Close);
                }
            }
        }
    }

    /// The next command. Replies leave when no further command is at hand, so that those to a group travel together.
    async fn command(&mut self) -> Result<Result<Command, Reply>, End> {
        loop {
            let unread = self.inbound.unread();
            if let Some(line_feed) = memchr(b'\n', &unread[..unread.len().min(MAX_LINE)]) {
                let command = command::parse(&unread[..=line_feed]);
                self.inbound.consume(line_feed + 1);
                return Ok(command);
            }
            if unread.len() >= MAX_LINE {
                self.say(&Reply::new(500, "5.5.2", "line too long"));
                return Err(End::Close);
            }
            self.flush().await?;
            let mut stopping = self.stopping.clone();
            tokio::select! {
                biased;
                read = self.fill() => match read? {
                    Some(0) => return Err(End::Abort),
                    Some(_) => {}
                    None => {
                        self.say(&Reply::new(421, "4.4.2", "silent for too long"));
                        return Err(End::Close);
                    }
                },
                _ = stopping.wait_for(|stop| *stop) => {
                    self.say(&Reply::new(421, "4.3.2", "shutting down"));
                    return Err(End::Close);
                }
            }
        }
    }

    pub(super) fn say(&mut self, reply: &Reply) {
        reply.write_to(&mut self.out);
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            self.out.clear();
        }
        Ok(())
    }

    /// Reads once; `None` if the client was silent for too long.
    pub(super) async fn fill(&mut self) -> io::Result<Option<usize>> {
        match timeout(CLIENT_TIMEOUT, self.inbound.fill(&mut self.stream)).await {
            Ok(read) => read.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Reads to the end of the stream.
    async fn discard(&mut self) {
        loop {
            let unread = self.inbound.unread().len();
            self.inbound.consume(unread);
            if !matches!(self.inbound.fill(&mut self.stream).await, Ok(1..)) {
                return;
            }
        }
    }
}
