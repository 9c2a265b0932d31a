use std::{fs::File, path::PathBuf, process::Stdio, time::Duration};

use chappe_testkit::{TestDb, TestRedis};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

use super::{Mesh, Ran, chappe, run};

/// Longer than anything takes that is waited for here.
const PATIENCE: Duration = Duration::from_mins(1);

/// A data directory and stores: what is left of a mesh when its process is gone.
pub(crate) struct Installation {
    directory: TempDir,
    flags: Vec<String>,
    settings: Vec<(&'static str, String)>,
}

impl Installation {
    /// Embedded on SQLite, or on PostgreSQL (a database of its own) and Redis.
    pub(crate) async fn new(db: &TestDb) -> Self {
        let mut installation = Self {
            directory: TempDir::new().unwrap(),
            flags: Vec::new(),
            settings: Vec::new(),
        };
        if let Some(url) = db.empty_database().await {
            installation = installation.with("--database-url", url);
            let connections = ("CHAPPE__DATABASE__MAX_CONNECTIONS", "4".to_owned());
            installation.settings.push(connections);
            if let Some((url, prefix)) = TestRedis::url() {
                installation = installation.with("--redis-url", url);
                installation.settings.push(("CHAPPE__COORDINATION__KEY_PREFIX", prefix));
            }
        }
        installation
    }

    /// Starts with one more flag from now on.
    pub(crate) fn with(mut self, flag: &str, value: impl Into<String>) -> Self {
        self.flags.extend([flag.to_owned(), value.into()]);
        self
    }

    /// Starts the mesh on any free ports; when this returns, it is ready.
    pub(crate) async fn start(&self) -> Mesh {
        let mut command = chappe(["up", "--log", "warn"]);
        for listener in ["--rest", "--grpc", "--admin"] {
            command.args([listener, "127.0.0.1:0"]);
        }
        command.args(&self.flags).envs(self.settings.iter().cloned());
        command.arg("--data-dir").arg(self.directory.path());
        let log = File::options().create(true).append(true).open(self.path("log"));
        let started = Mesh::start(command.stderr(log.unwrap()), &self.path("credentials.json")).await;
        started.unwrap_or_else(|error| panic!("{error}; its log: {}", self.log()))
    }

    /// A place beside the data.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file for a command to read, and tells where it is.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    /// A command of the command line that knows its mesh by the data directory and answers in JSON.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = chappe(arguments);
        command
            .args(["--output", "json", "--data-dir"])
            .arg(self.directory.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments)).await
    }

    /// The result of a command that succeeds.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Json {
        self.run(arguments).await.json(0)
    }

    /// Applies YAML, which has to be in order.
    pub(crate) async fn apply(&self, yaml: &str) {
        self.json(&["apply", "--file", &self.file("resources.yaml", yaml)])
            .await;
    }

    pub(crate) async fn status(&self) -> Json {
        self.json(&["status"]).await
    }

    /// The status once it is as it should become. It is asked for again and again; the command is pace enough.
    pub(crate) async fn status_when(&self, what: &str, is_so: impl Fn(&Json) -> bool) -> Json {
        let mut last = Json::Null;
        let asked = async {
            while !is_so(&last) {
                last = self.status().await;
            }
        };
        let in_time = timeout(PATIENCE, asked).await;
        let log = self.log();
        assert!(
            in_time.is_ok(),
            "not so after {PATIENCE:?}: {what}; status {last}; log: {log}"
        );
        last
    }

    /// What every process on this installation has said.
    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }
}
