use std::{fs::File, net::SocketAddr, process::Stdio};

use tempfile::TempDir;
use tokio::process::Child;

use super::{binary::chappe, free_port, until};

/// What admin listeners are asked.
const READY: &str = "readyz";

/// One service in a process of its own, that may be started wrong.
pub(crate) struct Lone {
    service: &'static str,
    pub(crate) port: u16,
    admin: u16,
    directory: TempDir,
    child: Option<Child>,
}

/// What the probe of readiness answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Readiness {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Readiness {
    /// The line about one thing.
    pub(crate) fn of(&self, name: &str) -> &str {
        let lines = self.text.lines();
        let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(": "));
        lines.into_iter().find(of_name).unwrap_or_default()
    }
}

impl Lone {
    /// Not started yet.
    pub(crate) fn new(service: &'static str, port: u16) -> Self {
        Self {
            service,
            port,
            admin: free_port(),
            directory: TempDir::new().unwrap(),
            child: None,
        }
    }

    /// Starts, after a `kill -9` if it is running. Does not wait for anything.
    pub(crate) async fn start(&mut self, environment: &[(&'static str, String)]) {
        self.kill().await;
        let listener = if self.service == gateway::NAME {
            "--rest"
        } else {
            "--grpc"
        };
        let mut command = chappe(["serve", self.service]);
        command.args([listener, &at(self.port).to_string()]);
        command.args(["--admin", &at(self.admin).to_string()]);
        command.envs(environment.iter().cloned());
        let log = File::create(self.directory.path().join("log")).unwrap();
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    pub(crate) async fn kill(&mut self) {
        if let Some(mut running) = self.child.take() {
            running.kill().await.unwrap();
        }
    }

    /// What it says of itself now, as soon as it says anything.
    async fn readiness(&self) -> Option<Readiness> {
        let answer = reqwest::get(self.url(READY)).await.ok()?;
        Some(Readiness {
            status: answer.status().as_u16(),
            text: answer.text().await.ok()?,
        })
    }

    /// Waits until it says this of one thing, and gives all it says then.
    pub(crate) async fn says(&self, status: u16, name: &str, told: &str) -> Readiness {
        let what = format!("{} answers {status} and says {name}: {told}", self.service);
        let is_so = |seen: &Readiness| seen.status == status && seen.of(name).contains(told);
        self.until(&what, is_so).await
    }

    /// Waits until it is ready and has nothing to say of one thing.
    pub(crate) async fn is_well(&self, name: &str) {
        let what = format!("{} is ready and {name} is well", self.service);
        let well = format!("{name}: ok");
        self.until(&what, |seen| seen.status == 200 && seen.of(name) == well)
            .await;
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Readiness) -> bool) -> Readiness {
        let look = async || self.readiness().await;
        until(what, look, |seen| seen.as_ref().is_some_and(&is_so))
            .await
            .unwrap()
    }

    /// Whether liveness is good.
    pub(crate) async fn is_live(&self) -> bool {
        reqwest::get(self.url("livez")).await.unwrap().status().is_success()
    }

    /// What `chappe healthcheck` prints, and whether it succeeds.
    pub(crate) async fn healthcheck(&self) -> (bool, String) {
        let ran = chappe(["healthcheck", &at(self.admin).to_string()])
            .output()
            .await
            .unwrap();
        (ran.status.success(), String::from_utf8(ran.stdout).unwrap())
    }

    /// The lines it logged about one thing, since it was started last.
    pub(crate) fn log(&self, about: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap();
        let lines = log.lines().filter(|line| line.contains(&format!("{about}: ")));
        lines.map(ToOwned::to_owned).collect()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", at(self.admin))
    }
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Runs a command of the binary to its end: whether it succeeded, and what it said on stderr.
pub(crate) async fn ran<const N: usize>(
    arguments: [&str; N],
    environment: &[(&'static str, String)],
) -> (bool, String) {
    let mut command = chappe(arguments);
    let ran = command.envs(environment.iter().cloned()).output().await.unwrap();
    (ran.status.success(), String::from_utf8(ran.stderr).unwrap())
}
