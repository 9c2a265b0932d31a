use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use super::{binary::chappe, ports::free_port};

/// On a machine that is busy with other tests.
const START: Duration = Duration::from_secs(30);
/// Longer than open calls may hold it up.
const STOP: Duration = Duration::from_secs(40);

/// Variables that configure a process.
pub(super) type Environment = Vec<(&'static str, String)>;

/// A service that runs, runs no more, or runs again, always at the same addresses.
pub(super) struct Process {
    pub(super) service: &'static str,
    /// Of gRPC, or of REST where the service is the gateway.
    pub(super) port: u16,
    admin: u16,
    pub(super) log: PathBuf,
    running: Option<Running>,
}

struct Running {
    child: Child,
    /// Kept, for a process that cannot write what it has to say fails.
    _stdout: Lines<BufReader<ChildStdout>>,
}

/// What can be said to a process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Terminate,
    Stop,
    Continue,
}

impl Process {
    pub(super) fn new(service: &'static str, name: &str, directory: &Path) -> Self {
        Self {
            service,
            port: free_port(),
            admin: free_port(),
            log: directory.join(format!("{name}.log")),
            running: None,
        }
    }

    pub(super) fn admin_address(&self) -> String {
        format!("127.0.0.1:{}", self.admin)
    }

    /// Asks the admin listener; a process that does not answer says no.
    pub(super) async fn asked(&self, path: &str) -> (bool, String) {
        let Ok(answer) = reqwest::get(format!("http://{}/{path}", self.admin_address())).await else {
            return (false, String::new());
        };
        (answer.status().is_success(), answer.text().await.unwrap_or_default())
    }

    /// Starts; when this returns, it is ready.
    pub(super) async fn start(&mut self, environment: &Environment) {
        let listener = if self.service == gateway::NAME {
            "--rest"
        } else {
            "--grpc"
        };
        let mut command = chappe(["serve", self.service]);
        command.args([listener, &format!("127.0.0.1:{}", self.port)]);
        command.args(["--admin", &format!("127.0.0.1:{}", self.admin)]);
        command.envs(environment.iter().cloned());
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(START, stdout.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{} is not ready in time", self.service));
        let is_ready = line.unwrap().is_some_and(|line| line.starts_with("chappe ready "));
        assert!(is_ready, "{} ended before it was ready", self.service);
        self.running = Some(Running { child, _stdout: stdout });
    }

    /// SIGTERM; when this returns, it has ended in order and by itself.
    pub(super) async fn stop(&mut self) {
        self.signal(Signal::Terminate).await;
        let mut running = self.running.take().unwrap();
        let ended = timeout(STOP, running.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("{} does not end", self.service));
        assert!(ended.unwrap().success(), "{} ended with a failure", self.service);
    }

    /// `kill -9`.
    pub(super) async fn kill(&mut self) {
        self.running.take().unwrap().child.kill().await.unwrap();
    }

    pub(super) async fn signal(&self, signal: Signal) {
        let pid = self.running.as_ref().and_then(|running| running.child.id()).unwrap();
        send(signal.option(), &[pid]).await;
    }
}

impl Signal {
    /// As `kill` is told.
    pub(super) const fn option(self) -> &'static str {
        match self {
            Self::Terminate => "-TERM",
            Self::Stop => "-STOP",
            Self::Continue => "-CONT",
        }
    }
}

/// Sends a signal to processes that this test has started.
pub(super) async fn send(signal: &str, processes: &[u32]) {
    let mut command = Command::new("kill");
    command.arg(signal).args(processes.iter().map(u32::to_string));
    assert!(command.status().await.unwrap().success());
}
