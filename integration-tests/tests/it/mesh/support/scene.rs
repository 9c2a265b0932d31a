use std::{collections::BTreeMap, path::PathBuf, process::Stdio};

use chappe_testkit::{Inbox, TestRedis};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{
    Database, Ledger, Signal,
    binary::chappe,
    people::Told,
    process::{Environment, Process},
    resources::{Class, HOLD, resources},
    rest::Rest,
    until,
};

/// The processes of the smallest mesh.
pub(crate) const SERVICES: [&str; 7] = [
    identity::NAME,
    profile_store::NAME,
    email_sender::NAME,
    automation::NAME,
    ingestion::NAME,
    privacy::NAME,
    gateway::NAME,
];

/// Lines of each log that are shown when a test fails.
const LOG_LINES: usize = 30;

/// A mesh of separate processes with its stores, a project and a relay.
pub(crate) struct Scene {
    pub(crate) database: Database,
    pub(crate) inbox: Inbox,
    pub(crate) rest: Rest,
    processes: BTreeMap<String, Process>,
    environment: Environment,
    directory: TempDir,
}

impl Scene {
    /// Absent where there is no PostgreSQL or no Redis.
    pub(crate) async fn new() -> Option<Self> {
        let (url, prefix) = TestRedis::url()?;
        Self::with_redis(url, prefix).await
    }

    /// With a Redis of one's own.
    pub(crate) async fn with_redis(url: String, prefix: String) -> Option<Self> {
        let database = Database::new().await?;
        let inbox = Inbox::new().await;
        let directory = TempDir::new().unwrap();
        let mut processes: BTreeMap<String, Process> = BTreeMap::new();
        for service in SERVICES {
            processes.insert(service.to_owned(), Process::new(service, service, directory.path()));
        }
        let at = |service: &str| format!("http://127.0.0.1:{}", processes[service].port);
        let environment = vec![
            ("CHAPPE__DATABASE__URL", database.url.clone()),
            ("CHAPPE__DATABASE__MAX_CONNECTIONS", "4".to_owned()),
            ("CHAPPE__COORDINATION__REDIS_URL", url),
            ("CHAPPE__COORDINATION__KEY_PREFIX", prefix),
            ("CHAPPE__KEYS__MASTER", "5e".repeat(32)),
            ("CHAPPE__LOG__LEVEL", "warn".to_owned()),
            ("CHAPPE__EMAIL_SENDER__SMTP_URL", inbox.address().to_owned()),
            ("CHAPPE__PEERS__IDENTITY", at(identity::NAME)),
            ("CHAPPE__PEERS__PROFILE_STORE", at(profile_store::NAME)),
            ("CHAPPE__PEERS__INGESTION", at(ingestion::NAME)),
            ("CHAPPE__PEERS__AUTOMATION", at(automation::NAME)),
            ("CHAPPE__PEERS__EMAIL_SENDER", at(email_sender::NAME)),
            ("CHAPPE__PEERS__PRIVACY", at(privacy::NAME)),
        ];
        let rest_url = at(gateway::NAME);
        run(["migrate"], &environment).await;
        processes = start_all(processes, &environment).await;
        let keys = run(["project", "create", "mesh", "--output", "json"], &environment).await;
        let scene = Self {
            database,
            inbox,
            rest: Rest::new(rest_url, serde_json::from_str(&keys).unwrap()),
            processes,
            environment,
            directory,
        };
        scene.apply().await;
        Some(scene)
    }

    /// Another process of a service, on ports of its own.
    pub(crate) async fn replicate(&mut self, service: &'static str) -> String {
        let name = format!("{service}-2");
        let mut process = Process::new(service, &name, self.directory.path());
        process.start(&self.environment).await;
        self.processes.insert(name.clone(), process);
        name
    }

    /// `kill -9`; when this returns, the database has seen the process end as well.
    pub(crate) async fn kill(&mut self, service: &str) {
        self.process(service).kill().await;
        let connections = async || self.database.connections(service).await;
        until("the connections of a killed process end", connections, |count| {
            *count == 0
        })
        .await;
    }

    /// Starts what was killed, at the same addresses.
    pub(crate) async fn restart(&mut self, service: &str) {
        let environment = self.environment.clone();
        self.process(service).start(&environment).await;
    }

    pub(crate) async fn signal(&self, name: &str, signal: Signal) {
        self.processes[name].signal(signal).await;
    }

    /// How many deliveries a process of email-sender has seen to their end.
    pub(crate) async fn deliveries(&self, name: &str) -> u64 {
        let metrics = reqwest::get(self.processes[name].metrics()).await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let of_attempts = |line: &&str| line.starts_with("chappe_email_sender_attempts_total");
        let counts = metrics.lines().filter(of_attempts);
        counts
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    /// Waits until everything that was told has had its effect, and writes down what came of it.
    pub(crate) async fn settle(&self, title: &'static str, told: Told) -> Ledger {
        let status = async || self.rest.status().await;
        let settled = until("everything is settled", status, |status| is_settled(status, told)).await;
        assert_eq!(settled["parked"], 0, "{settled}");
        let ledger = Ledger::new(title, told, &self.inbox.mails());
        println!("{ledger}");
        ledger
    }

    async fn apply(&self) {
        let file = self.directory.path().join("resources.yaml");
        std::fs::write(&file, resources()).unwrap();
        let target = vec![
            ("CHAPPE_ENDPOINT", self.rest.url.clone()),
            ("CHAPPE_TOKEN", self.rest.key("rest_api_key").to_owned()),
            ("CHAPPE_PROJECT", self.rest.key("project_key").to_owned()),
        ];
        run(["apply", "--file", file.to_str().unwrap()], &target).await;
    }

    fn process(&mut self, name: &str) -> &mut Process {
        self.processes.get_mut(name).unwrap()
    }
}

impl Drop for Scene {
    /// Shows what the processes said last when a test fails.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let logs: Vec<PathBuf> = self.processes.values().map(|process| process.log.clone()).collect();
        for log in logs {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
            println!("== {}\n{last}", log.display());
        }
    }
}

/// Starts all at once: nobody waits for a peer to be ready.
async fn start_all(processes: BTreeMap<String, Process>, environment: &Environment) -> BTreeMap<String, Process> {
    let mut starting = JoinSet::new();
    for (name, mut process) in processes {
        let environment = environment.clone();
        starting.spawn(async move {
            process.start(&environment).await;
            (name, process)
        });
    }
    starting.join_all().await.into_iter().collect()
}

/// Runs a command of the binary to its good end, and gives what it prints.
async fn run<const N: usize>(arguments: [&str; N], environment: &Environment) -> String {
    let mut command = chappe(arguments);
    command.envs(environment.iter().cloned());
    let output = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the counts are those of everything that was told, and nothing is left to do.
fn is_settled(status: &Json, told: Told) -> bool {
    let mails = Class::ALL.len() * told.people;
    let messages = &status["messages"];
    let is_over = messages["queued"] == 0
        && messages["deferred"] == 0
        && messages["sent"]
            .as_u64()
            .zip(messages["unknown"].as_u64())
            .is_some_and(|(sent, unknown)| usize::try_from(sent + unknown).ok() == Some(mails));
    let walks = status["automations"].as_array();
    let walk = |name: &str| walks.and_then(|walks| walks.iter().find(|walk| walk["name"] == name).cloned());
    let went = |name: &str, live: usize, completed: usize, cancelled: usize| {
        let expected = json!({"name": name, "live": live, "completed": completed, "cancelled": cancelled, "ended": 0});
        walk(name) == Some(expected)
    };
    let all_went = Class::ALL.iter().all(|class| went(class.name(), 0, told.people, 0));
    is_over
        && all_went
        && went(HOLD, told.held, 0, told.released)
        && status["profiles"] == told.people
        && status["events"] == told.events
}
