//! A receiver that misbehaves on demand, for the tests of whoever sends: refusals at every stage, silence, hang-ups,
//! lost replies.
//!
//! ```ignore
//! let server = scripted::Server::start(Script::new().to("gone@example.com", Stage::Rcpt, reject())).await;
//! let pool = Pool::new(PoolConfig::new(server.url(), "localhost"))?;
//! ```

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::task::JoinSet;

pub use crate::server::{Action, Stage};
use crate::{
    Handler, Received, Receiver, Reply, SmtpUrl,
    server::{At, DEFAULT_MAX_MESSAGE},
};

/// What a scripted server does. The first rule that fits decides; where none does, it behaves.
#[derive(Clone, Debug)]
pub struct Script {
    rules: Vec<Rule>,
    pipelining: bool,
    max_message: usize,
}

#[derive(Clone, Debug)]
struct Rule {
    stage: Stage,
    when: When,
    action: Action,
}

#[derive(Clone, Debug)]
enum When {
    Always,
    Nth(usize),
    Recipient(String),
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// Takes every message.
    pub fn new() -> Self {
        Self {
            rules: Vec::new(),
            pipelining: true,
            max_message: DEFAULT_MAX_MESSAGE,
        }
    }

    /// Every time the stage is reached.
    #[must_use]
    pub fn at(self, stage: Stage, action: Action) -> Self {
        self.rule(stage, When::Always, action)
    }

    /// The nth time the stage is reached, over all connections, counted from 1.
    #[must_use]
    pub fn nth(self, n: usize, stage: Stage, action: Action) -> Self {
        self.rule(stage, When::Nth(n), action)
    }

    /// When the message is for this recipient; from [`Stage::Rcpt`] on, where recipients are known.
    #[must_use]
    pub fn to(self, recipient: impl Into<String>, stage: Stage, action: Action) -> Self {
        self.rule(stage, When::Recipient(recipient.into()), action)
    }

    /// Does not announce PIPELINING.
    #[must_use]
    pub fn without_pipelining(mut self) -> Self {
        self.pipelining = false;
        self
    }

    /// Announces this `SIZE`.
    #[must_use]
    pub fn max_message(mut self, octets: usize) -> Self {
        self.max_message = octets;
        self
    }

    fn rule(mut self, stage: Stage, when: When, action: Action) -> Self {
        self.rules.push(Rule { stage, when, action });
        self
    }
}

/// A scripted server on a free port of this host; dropped, it cuts all connections.
pub struct Server {
    address: SocketAddr,
    stage: Arc<Play>,
    _serving: JoinSet<()>,
}

impl Server {
    /// Starts one.
    ///
    /// # Panics
    /// If the host gives no port: a test cannot go on without.
    pub async fn start(script: Script) -> Self {
        let mut receiver = Receiver::bind("127.0.0.1:0")
            .await
            .expect("a free port on the loopback interface")
            .max_message(script.max_message);
        if !script.pipelining {
            receiver = receiver.without_pipelining();
        }
        let address = receiver.local_addr().expect("a bound listener has an address");
        let stage = Arc::new(Play {
            rules: script.rules,
            progress: Mutex::default(),
        });
        let mut serving = JoinSet::new();
        serving.spawn(receiver.serve(Arc::clone(&stage), std::future::pending()));
        Self {
            address,
            stage,
            _serving: serving,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, for a pool.
    ///
    /// # Panics
    /// Never: an address and a port make a URL.
    pub fn url(&self) -> SmtpUrl {
        format!("smtp://{}", self.address)
            .parse()
            .expect("an address and a port are an SMTP URL")
    }

    /// The messages taken so far, also those whose reply was lost, in the order of arrival.
    pub fn received(&self) -> Vec<Received> {
        self.stage.progress().received.clone()
    }

    /// How often a stage was reached; [`Stage::Greeting`] counts connections.
    pub fn reached(&self, stage: Stage) -> usize {
        self.stage.progress().reached.get(&stage).copied().unwrap_or_default()
    }
}

/// A script as it is played.
struct Play {
    rules: Vec<Rule>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    reached: HashMap<Stage, usize>,
    received: Vec<Received>,
}

impl Play {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for Play {
    async fn on_message(&self, message: Received) -> Reply {
        self.progress().received.push(message);
        Reply::accepted()
    }

    fn at(&self, at: &At<'_>) -> Action {
        let mut progress = self.progress();
        let count = progress.reached.entry(at.stage).or_default();
        *count += 1;
        let fits = |rule: &&Rule| {
            rule.stage == at.stage
                && match &rule.when {
                    When::Always => true,
                    When::Nth(n) => n == count,
                    When::Recipient(recipient) => at.rcpt_to.last() == Some(recipient),
                }
        };
        self.rules
            .iter()
            .find(fits)
            .map_or(Action::Proceed, |rule| rule.action.clone())
    }
}
