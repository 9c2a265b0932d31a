use std::process::Stdio;

use super::{Scene, Signal, binary::chappe};

/// What is done to single processes, and what they say about themselves.
impl Scene {
    /// `kill -9` of one process of several.
    pub(crate) async fn kill_one(&mut self, name: &str) {
        self.processes.get_mut(name).unwrap().kill().await;
    }

    /// SIGTERM; when this returns, the process has ended in order.
    pub(crate) async fn end(&mut self, name: &str) {
        self.processes.get_mut(name).unwrap().stop().await;
    }

    pub(crate) async fn signal(&self, name: &str, signal: Signal) {
        self.processes[name].signal(signal).await;
    }

    /// What the process says when it is asked whether it is ready, and whether that is a yes.
    pub(crate) async fn readiness(&self, name: &str) -> (bool, String) {
        self.processes[name].asked("readyz").await
    }

    /// Whether the process says that it lives.
    pub(crate) async fn is_alive(&self, name: &str) -> bool {
        self.processes[name].asked("livez").await.0
    }

    /// How the command that container runtimes run judges the process.
    pub(crate) async fn is_healthy(&self, name: &str) -> bool {
        let mut command = chappe(["healthcheck", &self.processes[name].admin_address()]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().await.unwrap().success()
    }

    /// What a process has counted under this name.
    pub(crate) async fn counted(&self, name: &str, metric: &str) -> u64 {
        let (_, metrics) = self.processes[name].asked("metrics").await;
        let counts = metrics.lines().filter(|line| line.starts_with(metric));
        counts
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }
}
