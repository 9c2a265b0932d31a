//! The commands of a session and the messages they carry.

use std::sync::atomic::Ordering;

use super::{
    Action, At, Handler, MAX_RECIPIENTS, Received, Settings, Stage,
    command::Command,
    session::{End, Session},
};
use crate::{dot::Unstuffer, reply::Reply};

impl<H: Handler> Session<H> {
    /// Carries a command out. A refusal that the order of commands or a limit demands is answered.
    pub(super) async fn obey(&mut self, command: Command) -> Result<Option<Reply>, End> {
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
            if let Some(body) = self.body().await? {
                self.message(body).await?;
            } else {
                let refusal = self.too_large();
                self.say(&refusal);
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
            if matches!(self.fill().await?, None | Some(0)) {
                return Err(End::Abort);
            }
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
    pub(super) fn answer(&mut self, stage: Stage, usual: Reply) -> Result<bool, End> {
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
}
