use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use super::Rest;

/// The first start brings five schemas up, on a machine that is busy with other tests.
const START: Duration = Duration::from_secs(30);
/// How long open work may take to end (`mesh::process`).
const DRAIN: Duration = Duration::from_secs(25);

/// A running mesh. Dropped, it is killed.
pub(crate) struct Mesh {
    pub(crate) rest: Rest,
    child: Child,
    /// Kept, for a process that cannot write what it has to say fails.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Mesh {
    pub(super) async fn start(command: &mut Command, credentials: &Path) -> Result<Self, &'static str> {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(START, stdout.next_line()).await;
        let line = line.map_err(|_| "the mesh is not ready in time")?.unwrap();
        if !line.is_some_and(|line| line.starts_with("chappe ready ")) {
            return Err("the mesh ended before it was ready");
        }
        Ok(Self {
            rest: Rest::new(&std::fs::read(credentials).unwrap()),
            child,
            _stdout: stdout,
        })
    }

    /// `kill -9`.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM, and how the process ends then.
    pub(crate) async fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
        assert!(sent.success());
        let ended = timeout(DRAIN, self.child.wait()).await;
        ended.expect("the process ends in time").unwrap()
    }
}
