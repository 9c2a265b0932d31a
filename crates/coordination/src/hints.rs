//! Wake-ups.

use std::{
    collections::BTreeSet,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chappe_kit::IdGen;
use data_encoding::HEXLOWER;
use futures_util::StreamExt;
use tokio::sync::{Notify, watch};

use crate::{
    keys::Keys,
    link::{Link, LinkError},
    swept::Swept,
};

/// How often a lost subscription is tried again.
const RESUBSCRIBE: Duration = Duration::from_secs(1);

/// Hints that wait to be published. Beyond it they are dropped: polling is the guarantee.
const MOST_PENDING: usize = 1024;

/// Tells waiters that there may be something to do.
///
/// Inside a process a hint reaches everybody who subscribed before it. Across replicas it travels over Redis while
/// [`Hints::relay`] runs, and may be lost. So a waiter always also polls: a lost hint costs latency, nothing else.
#[derive(Clone, Debug)]
pub struct Hints(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    topics: Mutex<Swept<watch::Sender<()>>>,
    replicas: Option<Replicas>,
}

/// The way to the other replicas.
#[derive(Debug)]
struct Replicas {
    link: Link,
    keys: Keys,
    /// Marks what this process published, so that it is not woken by its own hints.
    own: String,
    pending: Mutex<BTreeSet<String>>,
    publish: Notify,
}

/// A place in front of a topic.
#[derive(Debug)]
pub struct Waiter(watch::Receiver<()>);

impl Waiter {
    /// Waits for a hint, at most `up_to`. A hint given since the last wait, or since subscribing, ends it at once.
    /// Answers whether there was one.
    pub async fn wait(&mut self, up_to: Duration) -> bool {
        let hint = async {
            // With everybody gone who could give one there is still the time to wait out.
            if self.0.changed().await.is_err() {
                pending::<()>().await;
            }
        };
        tokio::time::timeout(up_to, hint).await.is_ok()
    }
}

impl Hints {
    pub(crate) fn redis(link: Link, keys: Keys) -> Self {
        Self::new(Some(Replicas {
            link,
            keys,
            own: HEXLOWER.encode(&IdGen::system().secret::<16>()),
            pending: Mutex::default(),
            publish: Notify::new(),
        }))
    }

    pub(crate) fn memory() -> Self {
        Self::new(None)
    }

    fn new(replicas: Option<Replicas>) -> Self {
        Self(Arc::new(Inner {
            topics: Mutex::default(),
            replicas,
        }))
    }

    /// Takes a place in front of a topic. Subscribe first, look for work, then wait: what comes in between is not lost.
    pub fn subscribe(&self, topic: &str) -> Waiter {
        let mut topics = self.0.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = topics.get(topic) {
            return Waiter(sender.subscribe());
        }
        let (sender, receiver) = watch::channel(());
        topics.insert(topic, sender, |sender| sender.receiver_count() > 0);
        Waiter(receiver)
    }

    /// Wakes everybody in front of a topic, here at once and on other replicas soon. Never waits.
    pub fn notify(&self, topic: &str) {
        self.wake(topic);
        if let Some(replicas) = &self.0.replicas {
            replicas.enqueue(topic);
        }
    }

    fn wake(&self, topic: &str) {
        let topics = self.0.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = topics.get(topic) {
            sender.send_replace(());
        }
    }

    /// Carries hints between this process and the other replicas, for as long as it is polled. Without Redis it has
    /// nothing to do and waits for ever.
    pub async fn relay(&self) {
        let Some(replicas) = &self.0.replicas else {
            return pending().await;
        };
        tokio::join!(replicas.send(), self.receive(replicas));
    }

    async fn receive(&self, replicas: &Replicas) {
        let mut attempts = tokio::time::interval(RESUBSCRIBE);
        attempts.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            attempts.tick().await;
            // The outage itself is told by the connections that carry commands.
            if let Err(error) = self.receive_until_lost(replicas).await {
                tracing::debug!("hints from other replicas are interrupted: {error}");
            }
        }
    }

    async fn receive_until_lost(&self, replicas: &Replicas) -> Result<(), LinkError> {
        let mut connection = replicas.link.listen().await?;
        connection.subscribe(replicas.keys.hints()).await?;
        let mut messages = connection.into_on_message();
        while let Some(message) = messages.next().await {
            if let Ok(payload) = std::str::from_utf8(message.get_payload_bytes())
                && let Some((from, topic)) = payload.split_once(' ')
                && from != replicas.own
            {
                self.wake(topic);
            }
        }
        Ok(())
    }
}

impl Replicas {
    fn enqueue(&self, topic: &str) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() < MOST_PENDING && !pending.contains(topic) {
            pending.insert(topic.to_owned());
            self.publish.notify_one();
        }
    }

    /// Publishes what has come together since the last time: a busy topic costs one message for each round trip.
    async fn send(&self) {
        loop {
            self.publish.notified().await;
            let topics = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
            let mut pipeline = redis::pipe();
            for topic in topics {
                pipeline
                    .publish(self.keys.hints(), format!("{} {topic}", self.own))
                    .ignore();
            }
            // Lost hints are made up for by polling, and the breaker tells of the outage.
            let _: Result<(), LinkError> = self.link.pipeline(&pipeline).await;
        }
    }
}
