//! `chappe up` as a child.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::{Instant, timeout},
};
use uuid::Uuid;

use crate::{Bench, database::Database, pause};

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(30);

/// How long something may take that is waited for by looking at counters.
const PATIENCE: Duration = Duration::from_mins(5);

/// How often counters are looked at: what it costs must not show.
const INTERVAL: Duration = Duration::from_millis(50);

pub(crate) struct Stores {
    pub(crate) postgres: String,
    pub(crate) redis: String,
}

/// A running process with all services. Dropped, it is killed.
pub(crate) struct Mesh {
    pub(crate) rest: Rest,
    /// From the start of the process until it said that it is ready.
    pub(crate) ready_after: Duration,
    child: Child,
    database: Option<Database>,
    directory: TempDir,
    /// Kept, for a process that cannot write what it has to say fails.
    _stdout: Lines<BufReader<ChildStdout>>,
}

/// REST, opened.
#[derive(Clone)]
pub(crate) struct Rest {
    http: reqwest::Client,
    credentials: Credentials,
}

#[derive(Clone, Deserialize)]
struct Credentials {
    rest_url: String,
    admin_url: String,
    rest_api_key: String,
    project_key: String,
}

impl Mesh {
    /// On PostgreSQL and Redis, with an empty database.
    pub(crate) async fn on_postgres(bench: &Bench, relay: &str) -> Result<Self> {
        let database = Database::create(&bench.stores.postgres).await?;
        let flags = [
            "--database-url",
            &database.url,
            "--redis-url",
            &bench.stores.redis,
            "--smtp",
            relay,
        ];
        let mut mesh = Self::start(&bench.chappe, &flags).await?;
        mesh.database = Some(database);
        Ok(mesh)
    }

    /// On SQLite, with an empty directory.
    pub(crate) async fn on_sqlite(bench: &Bench) -> Result<Self> {
        Self::start(&bench.chappe, &[]).await
    }

    async fn start(chappe: &Path, flags: &[&str]) -> Result<Self> {
        let directory = TempDir::new()?;
        let mut command = Command::new(chappe);
        command.args(["up", "--log", "error"]).args(flags);
        for listener in ["--rest", "--grpc", "--admin"] {
            command.args([listener, "127.0.0.1:0"]);
        }
        command.arg("--data-dir").arg(directory.path());
        // A Redis that others use too.
        command.env("CHAPPE__COORDINATION__KEY_PREFIX", Uuid::new_v4().to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let begun = Instant::now();
        let mut child = command.spawn().with_context(|| chappe.display().to_string())?;
        let mut stdout = BufReader::new(child.stdout.take().context("stdout is a pipe")?).lines();
        let line = timeout(START, stdout.next_line())
            .await
            .context("chappe is not ready")??;
        ensure!(line.is_some(), "chappe ended before it was ready");
        let ready_after = begun.elapsed();
        let credentials = std::fs::read(directory.path().join("credentials.json"))?;
        Ok(Self {
            rest: Rest {
                http: reqwest::Client::new(),
                credentials: serde_json::from_slice(&credentials)?,
            },
            ready_after,
            child,
            database: None,
            directory,
            _stdout: stdout,
        })
    }

    /// Makes resources be as written.
    pub(crate) async fn apply(&self, chappe: &Path, yaml: &str) -> Result<()> {
        let file = self.directory.path().join("resources.yaml");
        std::fs::write(&file, yaml)?;
        let mut command = Command::new(chappe);
        command.arg("apply").arg("--data-dir").arg(self.directory.path());
        let run = command.arg("--file").arg(file).output().await?;
        ensure!(
            run.status.success(),
            "chappe apply: {}",
            String::from_utf8_lossy(&run.stderr)
        );
        Ok(())
    }

    /// Octets in memory, as Linux counts them.
    pub(crate) fn resident_octets(&self) -> Result<u64> {
        let process = self.child.id().context("chappe has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.context("VmRSS is in kB")?.trim().parse::<u64>()? * 1_024)
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.kill().await?;
        match self.database {
            Some(database) => database.drop().await,
            None => Ok(()),
        }
    }
}

impl Rest {
    /// Sends updates, all of which have to be accepted.
    pub(crate) async fn update(&self, body: Vec<u8>) -> Result<()> {
        let path = format!("{}/2.11/profiles/update", self.credentials.rest_url);
        let answer = self.open(self.http.post(path)).body(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() || text.contains("\"errors\"") {
            bail!("an update was answered {status}: {text}");
        }
        Ok(())
    }

    /// What a counter has come to, over all its labels. The status would count rows, and its cost would show.
    async fn counter(&self, name: &str, label: &str) -> Result<usize> {
        let metrics = self.http.get(format!("{}/metrics", self.credentials.admin_url));
        let text = metrics.send().await?.error_for_status()?.text().await?;
        let lines = text
            .lines()
            .filter(|line| line.starts_with(name) && line.contains(label));
        let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
        Ok(values.sum())
    }

    /// Waits until so many messages have been enqueued. Tells how many.
    pub(crate) async fn enqueued(&self, count: usize) -> Result<usize> {
        self.reaches("chappe_email_sender_enqueued_total", "", count).await
    }

    /// Waits until a relay has accepted so many messages, and this is written down. Tells how many.
    pub(crate) async fn sent(&self, count: usize) -> Result<usize> {
        let accepted = r#"state="accepted""#;
        self.reaches("chappe_email_sender_attempts_total", accepted, count)
            .await
    }

    async fn reaches(&self, counter: &str, label: &str, count: usize) -> Result<usize> {
        let reached = async {
            loop {
                let now = self.counter(counter, label).await?;
                if now >= count {
                    return Ok(now);
                }
                pause(INTERVAL).await;
            }
        };
        let waited = timeout(PATIENCE, reached).await;
        waited.with_context(|| format!("{counter} is not {count} after {PATIENCE:?}"))?
    }

    fn open(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request
            .bearer_auth(&self.credentials.rest_api_key)
            .header("X-Batch-Project", &self.credentials.project_key)
            .header("Content-Type", "application/json")
    }
}
