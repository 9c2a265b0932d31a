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

/// Variables that configure a process.
pub(super) type Environment = Vec<(&'static str, String)>;

/// A service that runs, runs no more, or runs again, always at the same addresses.
pub(super) struct Process {
    service: &'static str,
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

/// What can be done to a process without ending it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
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

    pub(super) fn metrics(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.admin)
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

    /// `kill -9`.
    pub(super) async fn kill(&mut self) {
        self.running.take().unwrap().child.kill().await.unwrap();
    }

    pub(super) async fn signal(&self, signal: Signal) {
        let pid = self.running.as_ref().and_then(|running| running.child.id()).unwrap();
        let signal = match signal {
            Signal::Stop => "-STOP",
            Signal::Continue => "-CONT",
        };
        let mut command = Command::new("kill");
        let sent = command.args([signal, &pid.to_string()]).status().await.unwrap();
        assert!(sent.success());
    }
}
