//! One connection to Redis for one concern, and the breaker that makes a dead Redis cheap.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chappe_kit::Error;
use redis::{
    Client, Cmd, FromRedisValue, IntoConnectionInfo, Pipeline, RedisError, RedisResult, ScriptInvocation,
    aio::{ConnectionManager, ConnectionManagerConfig, PubSub},
    io::tcp::TcpSettings,
};
use tokio::time::Instant;

use crate::config::CoordinationConfig;

/// How long Redis is left alone after a failure, and how often one caller tries whether it is back. At the usual
/// timeout of 50 ms a dead Redis thus costs one caller in each second 50 ms, and everybody else nothing.
const PAUSE: Duration = Duration::from_secs(1);

/// How long an answer tells that Redis is there.
const LATELY: Duration = Duration::from_secs(5);

/// How long a connection may leave sent data unacknowledged before the kernel gives it up: a host that vanished
/// without closing would otherwise hold the connection for a quarter of an hour of retransmissions.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// Longest that one attempt to connect goes on in the background.
const CONNECT: Duration = Duration::from_secs(2);

/// Why an operation has no answer from Redis.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("Redis failed a moment ago and is left alone until it has had time to recover")]
    Paused,
    #[error("Redis did not answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("Redis failed: {0}")]
    Redis(#[from] RedisError),
}

/// A connection that is made on first use and again whenever it is lost. Clones share it.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    client: Client,
    manager: ConnectionManager,
    timeout: Duration,
    breaker: Breaker,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("breaker", &self.0.breaker)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Prepares the connection of a concern; nothing is sent yet.
    pub(crate) fn new(client: &Client, config: &CoordinationConfig, concern: &'static str) -> Result<Self, Error> {
        let timeout = config.timeout();
        let settings = ConnectionManagerConfig::new()
            .set_response_timeout(Some(timeout))
            .set_connection_timeout(Some(CONNECT))
            // The breaker paces the attempts.
            .set_number_of_retries(0);
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), settings).map_err(Error::internal)?;
        Ok(Self(Arc::new(Inner {
            client: client.clone(),
            manager,
            timeout,
            breaker: Breaker::new(concern),
        })))
    }

    /// Sends one command.
    pub(crate) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, LinkError> {
        self.call(|mut manager| async move { command.query_async(&mut manager).await })
            .await
    }

    /// Sends many commands in one write and reads all answers.
    pub(crate) async fn pipeline<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, LinkError> {
        self.call(|mut manager| async move { pipeline.query_async(&mut manager).await })
            .await
    }

    /// Runs a script.
    pub(crate) async fn script<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, LinkError> {
        self.call(|mut manager| async move { script.invoke_async(&mut manager).await })
            .await
    }

    /// Whether Redis answers, and if not, why. It is asked only where no operation has told lately: a question more is a
    /// timeout more on a busy machine.
    pub(crate) async fn look(&self) -> Result<(), String> {
        if self.0.breaker.answered_within(LATELY) {
            return Ok(());
        }
        match self.command::<()>(&redis::cmd("PING")).await {
            Ok(()) => Ok(()),
            Err(LinkError::Paused) => Err(self.0.breaker.cause()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// A connection of its own that only listens.
    pub(crate) async fn listen(&self) -> Result<PubSub, LinkError> {
        match tokio::time::timeout(CONNECT, self.0.client.get_async_pubsub()).await {
            Ok(connection) => Ok(connection?),
            Err(_) => Err(LinkError::Timeout(CONNECT)),
        }
    }

    /// Every error counts as an outage: out of memory under `noeviction`, loading, a read-only replica. None of
    /// them gets better by asking again at once.
    async fn call<T, F>(&self, operation: impl Fn(ConnectionManager) -> F) -> Result<T, LinkError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let Inner {
            manager,
            timeout,
            breaker,
            ..
        } = &*self.0;
        if !breaker.admits() {
            return Err(LinkError::Paused);
        }
        let attempt = async {
            match operation(manager.clone()).await {
                // The connection died since it was last used; the manager is already making the next one.
                Err(error) if error.is_unrecoverable_error() => operation(manager.clone()).await,
                answer => answer,
            }
        };
        let answer = match tokio::time::timeout(*timeout, attempt).await {
            Ok(Err(error)) if error.is_timeout() => Err(LinkError::Timeout(*timeout)),
            Ok(answer) => answer.map_err(LinkError::Redis),
            Err(_) => Err(LinkError::Timeout(*timeout)),
        };
        match &answer {
            Ok(_) => breaker.succeeded(),
            Err(error) => breaker.failed(error),
        }
        answer
    }
}

/// The client behind all links, from the URL. The URL may hold a password, so no error repeats it.
pub(crate) fn client(url: &str) -> Result<Client, Error> {
    let wrong = |_: RedisError| {
        Error::invalid_field(
            "coordination.redis_url",
            "is not a Redis URL; write redis://[user:password@]host:port[/db] (rediss:// is not supported)",
        )
    };
    let info = url.into_connection_info().map_err(wrong)?;
    // Without this, a small write behind an unacknowledged one waits for the delayed acknowledgement, about 40 ms.
    let tcp = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(UNACKNOWLEDGED);
    Client::open(info.set_tcp_settings(tcp)).map_err(wrong)
}

/// Remembers whether Redis answers one concern.
#[derive(Debug)]
struct Breaker {
    concern: &'static str,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Untried,
    Answered(Instant),
    Down { retry_at: Instant, cause: String },
}

impl Breaker {
    fn new(concern: &'static str) -> Self {
        metrics::gauge!("chappe_coordination_up", "concern" => concern).set(1.0);
        Self {
            concern,
            state: Mutex::new(State::Untried),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the caller may ask Redis. After the pause one caller is let through, and the pause begins anew.
    fn admits(&self) -> bool {
        match &mut *self.state() {
            State::Down { retry_at, .. } if Instant::now() < *retry_at => false,
            State::Down { retry_at, .. } => {
                *retry_at = Instant::now() + PAUSE;
                true
            }
            State::Untried | State::Answered(_) => true,
        }
    }

    fn answered_within(&self, time: Duration) -> bool {
        matches!(*self.state(), State::Answered(at) if at.elapsed() <= time)
    }

    /// Of the outage, while there is one.
    fn cause(&self) -> String {
        match &*self.state() {
            State::Down { cause, .. } => cause.clone(),
            State::Untried | State::Answered(_) => String::new(),
        }
    }

    fn succeeded(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Answered(Instant::now()));
        if matches!(before, State::Down { .. }) {
            metrics::gauge!("chappe_coordination_up", "concern" => self.concern).set(1.0);
            tracing::debug!(coordination.concern = self.concern, "Redis answers again");
        }
    }

    /// Logged once for all concerns, by whoever watches over the process.
    fn failed(&self, error: &LinkError) {
        let down = State::Down {
            retry_at: Instant::now() + PAUSE,
            cause: error.to_string(),
        };
        let before = std::mem::replace(&mut *self.state(), down);
        if !matches!(before, State::Down { .. }) {
            metrics::counter!("chappe_coordination_outages_total", "concern" => self.concern).increment(1);
            metrics::gauge!("chappe_coordination_up", "concern" => self.concern).set(0.0);
            tracing::debug!(coordination.concern = self.concern, "going on without Redis: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_one_caller_in_each_pause_tries() {
        let breaker = Breaker::new("test");
        assert!(breaker.admits());
        breaker.failed(&LinkError::Paused);
        assert!(!breaker.admits());
        tokio::time::advance(PAUSE).await;
        assert!(breaker.admits(), "the first caller after the pause tries");
        assert!(!breaker.admits(), "the second does not wait for the first");
        breaker.succeeded();
        assert!(breaker.admits());
    }

    #[test]
    fn a_wrong_url_is_not_repeated_in_the_error() {
        let error = client("rediss-not://:hunter2@redis").expect_err("not a Redis URL");
        assert!(!error.message().contains("hunter2"));
        assert!(error.message().contains("coordination.redis_url"));
    }
}
