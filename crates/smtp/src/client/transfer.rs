//! Carrying messages over a connection.
//!
//! With PIPELINING (RFC 2920) one write holds the end of a body and the commands of the next message, so a message
//! costs one round trip:
//!
//! ```text
//! client  MAIL RCPT DATA │ body of 1, MAIL RCPT DATA │ body of 2, …
//! server            250 250 354 │       250, 250 250 354 │ …
//! ```
//!
//! Without, every command waits for its reply. Either way a message is ambiguous only between the first octet of its
//! body and the reply to its final dot.

use std::time::Duration;

use super::{
    Envelope, Outcome,
    connection::{BrokenWrite, Connection, Lost},
    job::Job,
    queue::{Queue, Woken},
};
use crate::{dot, reply::Reply};

/// After a write failed: what the server said before it closed is here already or will not come.
const LAST_WORDS: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Reset,
    Mail,
    Rcpt,
    Data,
}

/// The answer to the commands before a body.
enum Introduced {
    /// 354: the body may follow.
    Go,
    Refused(Reply),
    Lost(Lost),
}

impl Connection {
    /// Carries this message and then those that wait, until the connection ends, has carried its share or was idle for
    /// too long.
    pub(super) async fn carry(mut self, first: Job, queue: &Queue) {
        let mut admitted = self.admit(first);
        loop {
            let mut job = match admitted {
                Some(job) => job,
                None if !self.usable => return,
                None if self.is_used_up() => return self.quit().await,
                None => match self.idle(queue).await {
                    Some(job) => job,
                    None if self.usable => return self.quit().await,
                    None => return,
                },
            };
            admitted = None;
            self.prepare(&job.envelope);
            // Messages whose commands went out with the body before them follow without a pause.
            while let Some(next) = self.transact(job, queue).await {
                job = next;
            }
        }
    }

    /// One transaction. Answers the next message if its commands are on the wire already.
    async fn transact(&mut self, job: Job, queue: &Queue) -> Option<Job> {
        let introduced = tokio::select! {
            biased;
            introduced = self.introduce(&job.envelope) => introduced,
            () = queue.last_call() => Introduced::Lost(Lost::PoolClosed),
        };
        match introduced {
            Introduced::Go => return self.deliver(job, queue).await,
            // 421 is about the connection. On one that had worked, a fresh one may do better.
            Introduced::Refused(reply) if reply.code == 421 && self.had_worked() && !job.retried => {
                queue.lose(job, reply.to_string(), true);
            }
            Introduced::Refused(reply) => job.finish(Outcome::refused(reply)),
            Introduced::Lost(lost) => {
                self.usable = false;
                queue.lose(job, lost.to_string(), self.had_worked());
            }
        }
        None
    }

    /// Puts the commands of a message into the next write, all of them if the server takes them together.
    fn prepare(&mut self, envelope: &Envelope) {
        self.carried += 1;
        if self.capabilities.pipelining {
            for command in self.commands() {
                self.put(*command, envelope);
            }
        }
    }

    fn commands(&self) -> &'static [Command] {
        const ALL: &[Command] = &[Command::Reset, Command::Mail, Command::Rcpt, Command::Data];
        if self.needs_reset { ALL } else { &ALL[1..] }
    }

    fn put(&mut self, command: Command, envelope: &Envelope) {
        let line = match command {
            Command::Reset => "RSET\r\n".to_owned(),
            Command::Mail => {
                let size = if self.capabilities.size.is_some() {
                    format!(" SIZE={}", envelope.data.len())
                } else {
                    String::new()
                };
                let body = if envelope.data.is_ascii() { "" } else { " BODY=8BITMIME" };
                let utf8 = if envelope.has_utf8_address() { " SMTPUTF8" } else { "" };
                format!("MAIL FROM:<{}>{size}{body}{utf8}\r\n", envelope.mail_from)
            }
            Command::Rcpt => format!("RCPT TO:<{}>\r\n", envelope.rcpt_to),
            Command::Data => "DATA\r\n".to_owned(),
        };
        self.out.extend_from_slice(line.as_bytes());
    }

    /// Everything up to the permission to send the body. The first refusal is the message's; with PIPELINING the
    /// replies to the commands after it are read and mean nothing.
    async fn introduce(&mut self, envelope: &Envelope) -> Introduced {
        let mut refusal = None;
        for command in self.commands() {
            let reply = match self.exchange(*command, envelope).await {
                Ok(reply) => reply,
                Err(lost) => {
                    self.usable = false;
                    return refusal.map_or(Introduced::Lost(lost), Introduced::Refused);
                }
            };
            match (command, reply.code) {
                (_, 421) => {
                    self.usable = false;
                    return Introduced::Refused(refusal.unwrap_or(reply));
                }
                (Command::Data, 354) => match refusal {
                    None => return Introduced::Go,
                    Some(refusal) => {
                        self.end_refused_transaction().await;
                        return Introduced::Refused(refusal);
                    }
                },
                (Command::Reset, 200..=299) => self.needs_reset = false,
                (Command::Mail, 200..=299) => self.needs_reset = true,
                (Command::Rcpt, 200..=299) => {}
                (Command::Mail | Command::Rcpt | Command::Data, 400..=599) => {
                    refusal.get_or_insert(reply);
                    if !self.capabilities.pipelining {
                        break;
                    }
                }
                _ => {
                    self.usable = false;
                    return refusal.map_or(Introduced::Lost(Lost::Unexpected(reply)), Introduced::Refused);
                }
            }
        }
        refusal.map_or(Introduced::Go, Introduced::Refused)
    }

    /// The reply to one command, which is written first unless it was with the others.
    async fn exchange(&mut self, command: Command, envelope: &Envelope) -> Result<Reply, Lost> {
        if !self.capabilities.pipelining {
            self.put(command, envelope);
        }
        let limit = match command {
            Command::Data => self.config.data_timeout,
            Command::Reset | Command::Mail | Command::Rcpt => self.config.command_timeout,
        };
        match self.flush().await {
            Ok(()) => self.reply(limit).await,
            Err(broken) => self.last_words(&broken).await.ok_or(broken.lost),
        }
    }

    /// The server said "go ahead" although it refused the recipient: it gets an empty message, which goes to nobody
    /// (RFC 2920 §3.1).
    async fn end_refused_transaction(&mut self) {
        self.out.extend_from_slice(b".\r\n");
        self.needs_reset = false;
        let ended = self.flush().await.is_ok() && self.reply(self.config.reply_timeout).await.is_ok();
        self.usable &= ended;
    }

    /// Writes the body, and with it the commands of the next message, which is the answer if the connection lasts.
    async fn deliver(&mut self, mut job: Job, queue: &Queue) -> Option<Job> {
        // The reply to the final dot ends the transaction, whatever it says.
        self.needs_reset = false;
        dot::stuff(&job.envelope.data, &mut self.out);
        let following = if self.capabilities.pipelining && !self.is_used_up() {
            self.take(queue)
        } else {
            None
        };
        if let Some(following) = &following {
            self.prepare(&following.envelope);
        }
        job.body_started = true;
        let mut end = None;
        let answer = match self.flush().await {
            Ok(()) => self.reply(self.config.reply_timeout).await,
            Err(broken) => {
                job.body_started = broken.written > 0;
                end = Some(broken.lost.to_string());
                self.last_words(&broken).await.ok_or(broken.lost)
            }
        };
        match answer {
            Ok(reply) if reply.is_success() => job.finish(Outcome::Accepted { response: reply.text }),
            Ok(reply) if reply.is_refusal() => {
                if reply.code == 421 {
                    end = Some(reply.to_string());
                }
                job.finish(Outcome::refused(reply));
            }
            Ok(reply) => job.lose(end.insert(Lost::Unexpected(reply).to_string()).clone()),
            Err(lost) => queue.lose(job, end.insert(lost.to_string()).clone(), self.had_worked()),
        }
        let Some(why) = end else {
            return following;
        };
        self.usable = false;
        if let Some(following) = following {
            queue.lose(following, why, true);
        }
        None
    }

    /// A refusal that arrived before a write failed, such as a 421 or "too large".
    async fn last_words(&mut self, broken: &BrokenWrite) -> Option<Reply> {
        if matches!(broken.lost, Lost::NotReading(_)) {
            return None;
        }
        self.reply(LAST_WORDS).await.ok().filter(Reply::is_refusal)
    }

    /// The next message that waits and that the server takes.
    fn take(&self, queue: &Queue) -> Option<Job> {
        loop {
            if let Some(job) = self.admit(queue.take()?) {
                return Some(job);
            }
        }
    }

    /// Turns down what may not begin any more, and what the server has said it does not take.
    fn admit(&self, job: Job) -> Option<Job> {
        if job.is_late() {
            job.finish(Outcome::Late);
            return None;
        }
        match self.capabilities.refuse(&job.envelope) {
            None => Some(job),
            Some(outcome) => {
                job.finish(outcome);
                None
            }
        }
    }

    /// Waits for a message while the connection stays open.
    async fn idle(&mut self, queue: &Queue) -> Option<Job> {
        let limit = self.config.idle_timeout;
        loop {
            let waited = async {
                tokio::select! {
                    biased;
                    () = self.closed_by_server() => Err(()),
                    woken = queue.wait() => Ok(woken),
                }
            };
            match tokio::time::timeout(limit, waited).await {
                Ok(Ok(Woken::Job(job))) => {
                    if let Some(job) = self.admit(job) {
                        return Some(job);
                    }
                }
                Ok(Err(())) => {
                    self.usable = false;
                    return None;
                }
                Ok(Ok(Woken::Closed)) | Err(_) => return None,
            }
        }
    }

    fn is_used_up(&self) -> bool {
        self.carried >= self.config.max_messages_per_connection
    }

    /// Whether a transaction before the current one went over this connection.
    fn had_worked(&self) -> bool {
        self.carried > 1
    }
}
