//! Where mails go: Postfix's `smtp-sink`, or our own receiver where it is missing.

use std::{net::TcpListener as StdListener, os::unix::fs::MetadataExt as _, process::Stdio, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use chappe_smtp::{Handler, Received, Receiver, Reply};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    task::JoinSet,
    time::timeout,
};

use crate::pause;

/// How long `smtp-sink` may take to listen.
const START: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_millis(10);

/// Debian keeps the tools of servers out of the PATH of users.
const SBIN: &str = "/usr/sbin";

/// A relay that lets clients connect and says nothing until it is opened.
pub(crate) struct Relay {
    pub(crate) address: String,
    program: Program,
}

enum Program {
    Sink(Child),
    Waiting(Receiver),
    Serving { _server: JoinSet<()> },
}

/// Takes everything over and keeps nothing.
struct Discard;

impl Handler for Discard {
    async fn on_message(&self, _: Received) -> Reply {
        Reply::accepted()
    }
}

/// A tool of Postfix, if it is installed.
pub(crate) fn tool(name: &str) -> Option<Command> {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<_> = std::env::split_paths(&places).collect();
    places.push(SBIN.into());
    let found = places
        .into_iter()
        .map(|place| place.join(name))
        .find(|file| file.exists());
    found.map(|file| {
        let mut command = Command::new(file);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    })
}

impl Relay {
    pub(crate) async fn closed() -> Result<Self> {
        let Some(mut sink) = tool("smtp-sink") else {
            let receiver = Receiver::bind("127.0.0.1:0").await?;
            return Ok(Self {
                address: receiver.local_addr()?.to_string(),
                program: Program::Waiting(receiver),
            });
        };
        let address = StdListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        if is_root()? {
            sink.args(["-u", "nobody"]);
        }
        let child = sink.args([&address, "1000"]).spawn()?;
        let listens = async {
            while TcpStream::connect(&address).await.is_err() {
                pause(INTERVAL).await;
            }
        };
        timeout(START, listens).await.context("smtp-sink does not listen")?;
        // The kernel goes on accepting for a process that is stopped.
        signal(&child, "-STOP").await?;
        Ok(Self {
            address,
            program: Program::Sink(child),
        })
    }

    /// Answers from now on.
    pub(crate) async fn open(self) -> Result<Self> {
        let program = match self.program {
            Program::Sink(child) => {
                signal(&child, "-CONT").await?;
                Program::Sink(child)
            }
            Program::Waiting(receiver) => {
                let mut server = JoinSet::new();
                server.spawn(receiver.serve(Arc::new(Discard), std::future::pending()));
                Program::Serving { _server: server }
            }
            serving @ Program::Serving { .. } => serving,
        };
        Ok(Self { program, ..self })
    }
}

/// `smtp-sink` then insists on the name of somebody else.
fn is_root() -> Result<bool> {
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}

async fn signal(child: &Child, signal: &str) -> Result<()> {
    let process = child.id().context("smtp-sink has ended")?.to_string();
    let sent = Command::new("kill").args([signal, &process]).status().await?;
    ensure!(sent.success(), "smtp-sink cannot be sent {signal}");
    Ok(())
}
