//! One client's connection.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use memchr::memchr;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::watch, time::timeout};

use super::{
    Action, At, CLIENT_TIMEOUT, Handler, MAX_RECIPIENTS, Received, Settings, Stage,
    command::{self, Command},
};
use crate::{dot::Unstuffer, inbound::Inbound, reply::Reply};

/// Room for one read.
const READ_CHUNK: usize = 64 * 1024;
/// Octets of a command line. RFC 5321 §4.5.3.1.4 asks for 512 and extensions add to it.
const MAX_LINE: usize = 4 * 1024;
/// Errors of a client before it is sent away.
const MAX_ERRORS: u32 = 20;
/// How long a closed connection is read on, so that the last reply is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);

pub(super) struct Session<H> {
    stream: TcpStream,
    handler: Arc<H>,
    settings: Settings,
    messages: Arc<AtomicU64>,
    stopping: watch::Receiver<bool>,
    inbound: Inbound,
    out: Vec<u8>,
    greeted: bool,
    mail_from: Option<String>,
    rcpt_to: Vec<String>,
    errors: u32,
}

/// How a session ends.
enum End {
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
                read = timeout(CLIENT_TIMEOUT, self.inbound.fill(&mut self.stream)) => match read {
                    Ok(Ok(0)) => return Err(End::Abort),
                    Ok(read) => { read?; }
                    Err(_) => {
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

    /// Carries a command out. A refusal that the order of commands or a limit demands is answered.
    async fn obey(&mut self, command: Command) -> Result<Option<Reply>, End> {
        match command {
            Command::Ehlo => {
                let reply = self.capabilities();
                self.greeted |= self.answer(Stage::Ehlo, reply)?;
                self.reset();
            }
            Command::Helo => {
                let reply = Reply::plain(250, self.settings.hostname.as_str());
                self.greeted |= self.answer(Stage::Helo, reply)?;
                self.reset();
            }
            Command::Mail { from, size } => return self.mail(from, size),
            Command::Rcpt { to } => return self.rcpt(to),
            Command::Data => return self.data().await,
            Command::Reset => {
                self.reset();
                self.say(&Reply::new(250, "2.0.0", "forgotten"));
            }
            Command::Noop => self.say(&Reply::new(250, "2.0.0", "done nothing")),
            // RFC 5321 §3.5.3: the address was not looked at.
            Command::Verify => self.say(&Reply::new(252, "2.5.0", "try to send to it")),
            Command::Quit => {
                self.say(&Reply::new(221, "2.0.0", "goodbye"));
                return Err(End::Close);
            }
        }
        Ok(None)
    }

    fn mail(&mut self, from: String, size: usize) -> Result<Option<Reply>, End> {
        if !self.greeted {
            return Ok(Some(Reply::new(503, "5.5.1", "say EHLO first")));
        }
        if self.mail_from.is_some() {
            return Ok(Some(Reply::new(503, "5.5.1", "one message at a time")));
        }
        if size > self.settings.max_message {
            return Ok(Some(self.too_large()));
        }
        self.mail_from = Some(from);
        if !self.answer(Stage::Mail, Reply::new(250, "2.1.0", "sender ok"))? {
            self.mail_from = None;
        }
        Ok(None)
    }

    fn rcpt(&mut self, to: String) -> Result<Option<Reply>, End> {
        if self.mail_from.is_none() {
            return Ok(Some(Reply::new(503, "5.5.1", "say MAIL first")));
        }
        if self.rcpt_to.len() >= MAX_RECIPIENTS {
            return Ok(Some(Reply::new(452, "4.5.3", "too many recipients")));
        }
        self.rcpt_to.push(to);
        if !self.answer(Stage::Rcpt, Reply::new(250, "2.1.5", "recipient ok"))? {
            self.rcpt_to.pop();
        }
        Ok(None)
    }

    async fn data(&mut self) -> Result<Option<Reply>, End> {
        if self.mail_from.is_none() {
            return Ok(Some(Reply::new(503, "5.5.1", "say MAIL first")));
        }
        let reply = if self.rcpt_to.is_empty() {
            Reply::new(503, "5.5.1", "there are no valid recipients")
        } else {
            Reply::plain(354, "end with a dot on a line of its own")
        };
        if self.answer(Stage::Data, reply)? {
            match self.body().await? {
                Some(body) => self.message(body).await?,
                None => {
                    let refusal = self.too_large();
                    self.say(&refusal);
                }
            }
            self.reset();
        }
        Ok(None)
    }

    /// Reads up to the final dot; `None` if there was more than the receiver takes.
    async fn body(&mut self) -> Result<Option<Vec<u8>>, End> {
        self.flush().await?;
        let (mut unstuffer, mut body, mut fits) = (Unstuffer::default(), Vec::new(), true);
        loop {
            let (used, over) = unstuffer.feed(self.inbound.unread(), &mut body);
            self.inbound.consume(used);
            if body.len() > self.settings.max_message {
                fits = false;
                body.clear();
            }
            if over {
                return Ok(fits.then_some(body));
            }
            match timeout(CLIENT_TIMEOUT, self.inbound.fill(&mut self.stream)).await {
                Ok(Ok(0)) | Err(_) => return Err(End::Abort),
                Ok(read) => read?,
            };
        }
    }

    async fn message(&mut self, data: Vec<u8>) -> Result<(), End> {
        if self.rcpt_to.is_empty() {
            self.say(&Reply::new(554, "5.5.1", "there are no valid recipients"));
            return Ok(());
        }
        let action = self.ask(Stage::Message);
        let received = Received {
            id: self.messages.fetch_add(1, Ordering::Relaxed) + 1,
            mail_from: self.mail_from.take().unwrap_or_default(),
            rcpt_to: std::mem::take(&mut self.rcpt_to),
            data,
        };
        match action {
            Action::Proceed => {
                let reply = self.handler.on_message(received).await;
                self.say(&reply);
                Ok(())
            }
            Action::Reply(reply) => {
                self.hand_over_if(&reply, received).await;
                Ok(())
            }
            Action::ReplyThenClose(reply) => {
                self.hand_over_if(&reply, received).await;
                Err(End::Close)
            }
            Action::LoseReply => {
                self.handler.on_message(received).await;
                Err(End::Abort)
            }
            Action::HangUp => Err(End::Abort),
            Action::Stall => Err(End::Stall),
        }
    }

    /// Gives a reply of the script's, and the message to the handler if it is a positive one.
    async fn hand_over_if(&mut self, reply: &Reply, received: Received) {
        if reply.is_success() {
            self.handler.on_message(received).await;
        }
        self.say(reply);
    }

    /// Gives the reply to a stage; answers whether it takes effect.
    fn answer(&mut self, stage: Stage, usual: Reply) -> Result<bool, End> {
        let (reply, then) = match self.ask(stage) {
            Action::Proceed => (usual, Ok(())),
            Action::Reply(reply) => (reply, Ok(())),
            Action::ReplyThenClose(reply) => (reply, Err(End::Close)),
            Action::HangUp | Action::LoseReply => return Err(End::Abort),
            Action::Stall => return Err(End::Stall),
        };
        self.say(&reply);
        then.map(|()| !reply.is_refusal())
    }

    fn ask(&self, stage: Stage) -> Action {
        self.handler.at(&At {
            stage,
            mail_from: self.mail_from.as_deref().unwrap_or_default(),
            rcpt_to: &self.rcpt_to,
        })
    }

    fn capabilities(&self) -> Reply {
        let Settings {
            hostname,
            max_message,
            pipelining,
        } = &self.settings;
        let pipelining = if *pipelining { "\nPIPELINING" } else { "" };
        Reply::plain(
            250,
            format!("{hostname}{pipelining}\nSIZE {max_message}\n8BITMIME\nENHANCEDSTATUSCODES\nSMTPUTF8"),
        )
    }

    fn too_large(&self) -> Reply {
        Reply::new(
            552,
            "5.3.4",
            format!("a message may have {} octets", self.settings.max_message),
        )
    }

    fn reset(&mut self) {
        self.mail_from = None;
        self.rcpt_to.clear();
    }

    fn say(&mut self, reply: &Reply) {
        reply.write_to(&mut self.out);
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            self.out.clear();
        }
        Ok(())
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
