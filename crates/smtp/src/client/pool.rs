//! The pool: messages in, outcomes out.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinSet, time::Instant};
use tracing::debug;

use super::{
    Delivery, Envelope, Outcome, Outcomes, SmtpUrl,
    connection::{Connection, Lost},
    job::Job,
    queue::Queue,
};

/// How a pool connects and how long it waits. [`PoolConfig::new`] fills in the defaults.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The server.
    pub url: SmtpUrl,
    /// What the client calls itself in `EHLO`: its host name or an address in brackets.
    pub helo_name: String,
    /// Connections at the same time; 4.
    pub max_connections: usize,
    /// Messages over one connection before it is closed; 100.
    pub max_messages_per_connection: u32,
    /// An unused connection is closed after this; 60 s.
    pub idle_timeout: Duration,
    /// TCP connect; 30 s.
    pub connect_timeout: Duration,
    /// The greeting, and the replies to `EHLO`, `AUTH`, `RSET`, `MAIL` and `RCPT`; 5 min (RFC 5321 §4.5.3.2.1–3).
    pub command_timeout: Duration,
    /// The reply to `DATA`; 2 min (RFC 5321 §4.5.3.2.4).
    pub data_timeout: Duration,
    /// Progress in sending a body; 3 min (RFC 5321 §4.5.3.2.5).
    pub write_timeout: Duration,
    /// The reply to the final dot; 10 min (RFC 5321 §4.5.3.2.6). Shorter breeds double deliveries.
    pub reply_timeout: Duration,
}

/// The `helo_name` is not a host name or address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name for EHLO holds a space or another character no host name has; write this host's DNS name")]
pub struct InvalidHeloName;

/// Connections to one server, opened as messages come and closed when idle. Dropped, it cuts them; see [`Pool::close`].
pub struct Pool {
    config: Arc<PoolConfig>,
    queue: Arc<Queue>,
    workers: Mutex<JoinSet<()>>,
}

impl PoolConfig {
    /// The defaults.
    pub fn new(url: SmtpUrl, helo_name: impl Into<String>) -> Self {
        Self {
            url,
            helo_name: helo_name.into(),
            max_connections: 4,
            max_messages_per_connection: 100,
            idle_timeout: Duration::from_mins(1),
            connect_timeout: Duration::from_secs(30),
            command_timeout: Duration::from_mins(5),
            data_timeout: Duration::from_mins(2),
            write_timeout: Duration::from_mins(3),
            reply_timeout: Duration::from_mins(10),
        }
    }
}

impl Pool {
    /// A pool without connections yet.
    pub fn new(config: PoolConfig) -> Result<Self, InvalidHeloName> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if config.helo_name.is_empty() || !config.helo_name.bytes().all(is_name) {
            return Err(InvalidHeloName);
        }
        Ok(Self {
            queue: Arc::new(Queue::new(config.max_connections.max(1))),
            config: Arc::new(config),
            workers: Mutex::default(),
        })
    }

    /// Sends a batch; the outcomes come in the order in which they are known. The messages of all batches share the
    /// connections and go out in the order in which they were handed in. There is no limit on what waits: the caller
    /// sizes its batches, at most two messages per connection are on the wire.
    ///
    /// Call it inside a tokio runtime.
    pub fn send(&self, batch: Vec<Envelope>) -> Outcomes {
        self.hand_in(batch, None)
    }

    fn hand_in(&self, batch: Vec<Envelope>, begin_by: Option<Instant>) -> Outcomes {
        let (report, outcomes) = mpsc::unbounded_channel();
        let mut jobs = Vec::with_capacity(batch.len());
        for envelope in batch {
            let checked = envelope.check();
            let job = Job::new(envelope, begin_by, report.clone());
            match checked {
                Ok(()) => jobs.push(job),
                Err(why) => job.finish(Outcome::Invalid { why }),
            }
        }
        let start = self.queue.push(jobs);
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = workers.try_join_next() {
            if ended.is_err() {
                self.queue.forget_worker();
            }
        }
        for _ in 0..start {
            workers.spawn(work(Arc::clone(&self.config), Arc::clone(&self.queue)));
        }
        Outcomes(outcomes)
    }

    /// Sends one message and waits for its outcome. Call it inside a tokio runtime.
    ///
    /// # Panics
    /// Never: an envelope that is dropped on its way reports that.
    pub async fn send_one(&self, envelope: Envelope) -> Outcome {
        only(self.hand_in(vec![envelope], None)).await
    }

    /// The same, unless no connection is free for it by then: [`Outcome::Late`].
    ///
    /// # Panics
    /// Never, as above.
    pub async fn send_one_by(&self, envelope: Envelope, begin_by: Instant) -> Outcome {
        only(self.hand_in(vec![envelope], Some(begin_by))).await
    }

    /// Gives back what has not begun, waits for the messages on the wire, and says goodbye to the server. A server that
    /// is silent before the body of a message is not waited for.
    pub async fn close(&self) {
        self.queue.close();
        let mut workers = std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        while workers.join_next().await.is_some() {}
    }
}

async fn only(mut outcomes: Outcomes) -> Outcome {
    let delivery = outcomes.next().await;
    delivery
        .map(|Delivery { outcome, .. }| outcome)
        .expect("every envelope gets its outcome")
}

/// Carries messages over one connection after the other until none wait.
async fn work(config: Arc<PoolConfig>, queue: Arc<Queue>) {
    while let Some(job) = queue.take_or_retire() {
        let opened = tokio::select! {
            biased;
            opened = Connection::open(&config) => opened,
            () = queue.closing() => Err(Lost::PoolClosed),
        };
        match opened {
            Ok(connection) => connection.carry(job, &queue).await,
            Err(lost) => {
                debug!(cause = %lost, "no SMTP connection could be opened");
                if !queue.give_up(job, &lost.to_string()) {
                    return;
                }
            }
        }
    }
}
