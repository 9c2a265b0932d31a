//! Arms for the suites, and a Redis of one's own to be killed.

use std::{net::TcpListener, process::Stdio, time::Duration};

use chappe_coordination::{Coordination, CoordinationConfig};
use chappe_ids::{EventId, ProjectId};
use chappe_kit::{Clock, IdGen};
use chappe_testkit::TestRedis;
use chrono::{DateTime, TimeDelta};
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;
use tokio::{
    net::TcpSocket,
    process::{Child, Command},
};

/// Makes two tests of each case of a suite, one for each arm.
macro_rules! on_both_arms {
    ($($case:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case($crate::support::Arm::memory()).await;
            })*
        }

        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if let Some(arm) = $crate::support::Arm::redis().await {
                    super::$case(arm).await;
                }
            })*
        }
    };
}
pub(crate) use on_both_arms;

/// Far beyond what a busy machine needs: the suites are about answers, not about speed.
const PATIENT_MS: u64 = 10_000;

/// One arm under test, and the hands of its clock.
pub(crate) struct Arm {
    pub(crate) coordination: Coordination,
    time: Time,
}

enum Time {
    Manual(Clock),
    Redis(Shared),
}

impl Arm {
    pub(crate) fn memory() -> Self {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        Self {
            coordination: Coordination::in_process(clock.clone()),
            time: Time::Manual(clock),
        }
    }

    pub(crate) async fn redis() -> Option<Self> {
        let shared = Shared::open().await?;
        Some(Self {
            coordination: shared.coordination(),
            time: Time::Redis(shared),
        })
    }

    /// Lets time pass, without waiting for it.
    pub(crate) async fn pass(&mut self, time: Duration) {
        match &mut self.time {
            Time::Manual(clock) => clock.advance(TimeDelta::from_std(time).unwrap()),
            Time::Redis(shared) => shared.pass(time).await,
        }
    }
}

/// The Redis of the test run, under a prefix of this test's own.
pub(crate) struct Shared {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) config: CoordinationConfig,
}

impl Shared {
    /// `None` when the run has no Redis and does not require one.
    pub(crate) async fn open() -> Option<Self> {
        let (url, key_prefix) = TestRedis::url()?;
        let client = redis::Client::open(url.as_str()).unwrap();
        let connection = client.get_multiplexed_async_connection().await.unwrap();
        let config = CoordinationConfig {
            redis_url: url.into(),
            key_prefix,
            timeout_ms: PATIENT_MS,
        };
        Some(Self { connection, config })
    }

    /// One replica.
    pub(crate) fn coordination(&self) -> Coordination {
        Coordination::connect(&self.config, Clock::system()).unwrap()
    }

    /// The keys of this test.
    pub(crate) async fn keys(&mut self) -> Vec<String> {
        let pattern = format!("{}:*", self.config.key_prefix);
        redis::cmd("KEYS")
            .arg(pattern)
            .query_async(&mut self.connection)
            .await
            .unwrap()
    }

    /// Makes every key of this test older: its lifetime shorter, and the time written in a bucket earlier.
    async fn pass(&mut self, time: Duration) {
        let age = redis::Script::new(
            r"
            for _, key in ipairs(KEYS) do
              local left = redis.call('PTTL', key) - ARGV[1]
              local tokens, at = string.match(redis.call('GET', key) or '', '^(%S+) (%d+)$')
              if left <= 0 then
                redis.call('DEL', key)
              elseif at then
                redis.call('SET', key, tokens .. ' ' .. string.format('%.0f', at - ARGV[1] * 1000), 'PX', left)
              else
                redis.call('PEXPIRE', key, left)
              end
            end",
        );
        let keys = self.keys().await;
        let mut call = age.prepare_invoke();
        for key in keys {
            call.key(key);
        }
        let millis = u64::try_from(time.as_millis()).unwrap();
        let _: () = call.arg(millis).invoke_async(&mut self.connection).await.unwrap();
    }
}

/// A redis-server that the test starts, kills and starts again, empty, on the same port.
pub(crate) struct OwnRedis {
    port: u16,
    directory: TempDir,
    process: Option<Child>,
}

impl OwnRedis {
    /// `None` in a run without Redis; one that has it has a `redis-server` in its `PATH`, too.
    pub(crate) async fn start() -> Option<Self> {
        TestRedis::url()?;
        let mut own = Self {
            port: free_port(),
            directory: TempDir::new().unwrap(),
            process: None,
        };
        own.restart().await;
        Some(own)
    }

    pub(crate) fn config(&self) -> CoordinationConfig {
        CoordinationConfig {
            redis_url: self.url().into(),
            timeout_ms: PATIENT_MS,
            ..CoordinationConfig::default()
        }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn restart(&mut self) {
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"])
            .arg(self.port.to_string())
            .arg("--dir")
            .arg(self.directory.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server is in PATH");
        self.process = Some(process);
        eventually("redis-server answers", async || self.connection().await.is_ok()).await;
    }

    pub(crate) async fn kill(&mut self) {
        self.process.take().expect("it was started").kill().await.unwrap();
    }

    pub(crate) async fn connection(&self) -> redis::RedisResult<MultiplexedConnection> {
        let mut connection = redis::Client::open(self.url())?
            .get_multiplexed_async_connection()
            .await?;
        redis::cmd("PING").exec_async(&mut connection).await?;
        Ok(connection)
    }
}

/// A port that is free now. Below the range that Linux hands out to outgoing connections, so that none of them takes
/// it while the server is down.
fn free_port() -> u16 {
    let candidates = std::iter::repeat_with(|| {
        let random = u16::from_le_bytes(IdGen::system().secret());
        10_000 + random % 10_000
    });
    candidates
        .take(100)
        .find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        .expect("one of a hundred ports is free")
}

/// A port that refuses connections, for as long as the socket is kept: bound, and nobody listens.
pub(crate) fn closed_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// Asks until it is so, often enough not to be noticed and seldom enough to leave the machine to others.
pub(crate) async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let asking = async {
        let mut turns = tokio::time::interval(Duration::from_millis(5));
        while !is_so().await {
            turns.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking)
        .await
        .unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

pub(crate) fn project() -> ProjectId {
    ProjectId::from_uuid(IdGen::system().uuid())
}

pub(crate) fn events<const N: usize>() -> [EventId; N] {
    let ids = IdGen::system();
    std::array::from_fn(|_| EventId::from_uuid(ids.uuid()))
}
