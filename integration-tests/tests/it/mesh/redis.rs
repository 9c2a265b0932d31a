use std::process::Stdio;

use chappe_testkit::TestRedis;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
};

use super::support::{Flow, SERVICES, Scene, free_port, until};

const SEED: u64 = 4;
/// Calls between one act and the next.
const MEANWHILE: usize = 10;

/// How long Redis says nothing.
const PAUSE: &str = "5000";

#[tokio::test]
async fn a_redis_that_pauses_forgets_stops_and_comes_back_empty_costs_nothing_but_time() {
    if TestRedis::url().is_none() {
        return;
    }
    let mut redis = Redis::start(free_port()).await;
    let Some(scene) = Scene::with_redis(redis.url(), "mesh".to_owned()).await else {
        return;
    };
    let mut flow = Flow::start(scene.rest.clone(), SEED);
    flow.accepted(MEANWHILE).await;
    redis.tell(&["FLUSHALL"]).await;
    flow.accepted(MEANWHILE).await;
    redis.tell(&["CLIENT", "PAUSE", PAUSE, "ALL"]).await;
    degraded(&scene, "while Redis pauses", true).await;
    flow.accepted(MEANWHILE).await;
    degraded(&scene, "when Redis goes on", false).await;
    redis.server.kill().await.unwrap();
    degraded(&scene, "without Redis", true).await;
    flow.accepted(MEANWHILE).await;
    let _redis = Redis::start(redis.port).await;
    degraded(&scene, "when Redis is back", false).await;
    flow.accepted(MEANWHILE).await;

    let (told, progress) = flow.end().await;
    assert!(progress.refused.is_empty(), "{progress:?}");
    scene.settle("redis", told).await.assert_exact();
}

/// Waits until ingestion, which asks Redis in every call, says that it goes on without, or that all is well. Either way
/// all processes live and are ready.
async fn degraded(scene: &Scene, when: &str, is_degraded: bool) {
    let report = async || scene.readiness(ingestion::NAME).await.1;
    let says = |text: &String| text.contains("redis: degraded") == is_degraded;
    until(&format!("ingestion {when}"), report, says).await;
    for service in SERVICES {
        let (is_ready, text) = scene.readiness(service).await;
        assert!(is_ready && scene.is_alive(service).await, "{service} {when}: {text}");
    }
    assert!(scene.is_healthy(ingestion::NAME).await, "{when}");
}

/// A Redis that belongs to nobody else. It begins empty.
pub(super) struct Redis {
    port: u16,
    server: Child,
}

impl Redis {
    pub(super) async fn start(port: u16) -> Self {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--save", "", "--appendonly", "no"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let server = command.spawn().expect("redis-server is in PATH where there is a Redis");
        let redis = Self { port, server };
        let answers = async || redis.ping().await.unwrap_or_default();
        until("Redis answers", answers, |answer| answer == b"+PONG\r\n").await;
        redis
    }

    /// One command, in the words of its protocol, which is answered with `OK`.
    async fn tell(&self, words: &[&str]) {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let line = words.join(" ") + "\r\n";
        connection.write_all(line.as_bytes()).await.unwrap();
        let mut answer = [0; 5];
        connection.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"+OK\r\n", "{words:?}");
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    async fn ping(&self) -> std::io::Result<Vec<u8>> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).await?;
        connection.write_all(b"PING\r\n").await?;
        let mut answer = vec![0; 7];
        connection.read_exact(&mut answer).await?;
        Ok(answer)
    }
}
