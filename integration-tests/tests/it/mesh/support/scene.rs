use std::{collections::BTreeMap, path::PathBuf, process::Stdio};

use chappe_kit::MasterKey;
use chappe_testkit::{Inbox, TestRedis};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{
    Collector, Database, Ledger,
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

/// Long enough for calls to be told that a process is about to end, and short enough for a test.
const DRAIN_MS: &str = "300";
/// The key of the mesh, as one byte of 32.
const MASTER_KEY: &str = "5e";
/// Lines of each log that are shown when a test fails.
const LOG_LINES: usize = 30;

/// A mesh of separate processes with its stores, a project and a relay.
pub(crate) struct Scene {
    pub(crate) database: Database,
    pub(crate) inbox: Inbox,
    pub(crate) rest: Rest,
    pub(super) processes: BTreeMap<String, Process>,
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
        Self::build(url, prefix, 1, Vec::new()).await
    }

    /// With two replicas of everything, each of which knows both of every other.
    pub(crate) async fn of_two() -> Option<Self> {
        let (url, prefix) = TestRedis::url()?;
        Self::build(url, prefix, 2, Vec::new()).await
    }

    /// Whose spans go to a collector, where the caller wants them.
    pub(crate) async fn traced(collector: &Collector) -> Option<Self> {
        let (url, prefix) = TestRedis::url()?;
        let traces = vec![
            ("CHAPPE__TRACES__ENDPOINT", collector.endpoint()),
            ("CHAPPE__TRACES__SAMPLE_RATIO", "0".to_owned()),
        ];
        Self::build(url, prefix, 1, traces).await
    }

    /// Whose email-sender has few connections and small batches.
    pub(crate) async fn with_small_batches() -> Option<Self> {
        let (url, prefix) = TestRedis::url()?;
        let small = vec![
            ("CHAPPE__EMAIL_SENDER__MAX_CONNECTIONS", "2".to_owned()),
            ("CHAPPE__EMAIL_SENDER__PIPELINE_DEPTH", "1".to_owned()),
        ];
        Self::build(url, prefix, 1, small).await
    }

    async fn build(url: String, prefix: String, replicas: usize, more: Environment) -> Option<Self> {
        Some(Self::on(Database::new().await?, url, prefix, replicas, more).await)
    }

    /// On a PostgreSQL of one's own.
    pub(crate) async fn with_database(database: Database) -> Option<Self> {
        let (url, prefix) = TestRedis::url()?;
        Some(Self::on(database, url, prefix, 1, Vec::new()).await)
    }

    async fn on(database: Database, url: String, prefix: String, replicas: usize, more: Environment) -> Self {
        let inbox = Inbox::new().await;
        let directory = TempDir::new().unwrap();
        let mut processes: BTreeMap<String, Process> = BTreeMap::new();
        for (service, replica) in SERVICES
            .into_iter()
            .flat_map(|service| (1..=replicas).map(move |n| (service, n)))
        {
            let name = name(service, replica);
            let process = Process::new(service, &name, directory.path());
            processes.insert(name, process);
        }
        let at = |service| addresses(&processes, service).join(",");
        let mut environment = vec![
            ("CHAPPE__DATABASE__URL", database.url.clone()),
            ("CHAPPE__DATABASE__MAX_CONNECTIONS", "4".to_owned()),
            ("CHAPPE__COORDINATION__REDIS_URL", url),
            ("CHAPPE__COORDINATION__KEY_PREFIX", prefix),
            ("CHAPPE__KEYS__MASTER", MASTER_KEY.repeat(32)),
            ("CHAPPE__LOG__LEVEL", "warn".to_owned()),
            ("CHAPPE__LISTEN__DRAIN_MS", DRAIN_MS.to_owned()),
            ("CHAPPE__EMAIL_SENDER__SMTP_URL", inbox.address().to_owned()),
            ("CHAPPE__PEERS__IDENTITY", at(identity::NAME)),
            ("CHAPPE__PEERS__PROFILE_STORE", at(profile_store::NAME)),
            ("CHAPPE__PEERS__INGESTION", at(ingestion::NAME)),
            ("CHAPPE__PEERS__AUTOMATION", at(automation::NAME)),
            ("CHAPPE__PEERS__EMAIL_SENDER", at(email_sender::NAME)),
            ("CHAPPE__PEERS__PRIVACY", at(privacy::NAME)),
        ];
        environment.extend(more);
        let gateways = addresses(&processes, gateway::NAME);
        run(["migrate"], &environment).await;
        processes = start_all(processes, &environment).await;
        let keys = run(["project", "create", "mesh", "--output", "json"], &environment).await;
        let scene = Self {
            database,
            inbox,
            rest: Rest::new(gateways, serde_json::from_str(&keys).unwrap()),
            processes,
            environment,
            directory,
        };
        scene.apply().await;
        scene
    }

    /// Another process of a service, on ports of its own.
    pub(crate) async fn replicate(&mut self, service: &'static str) -> String {
        let name = name(service, 2);
        let mut process = Process::new(service, &name, self.directory.path());
        process.start(&self.environment).await;
        self.processes.insert(name.clone(), process);
        name
    }

    /// The processes of a service, by name.
    pub(crate) fn replicas(&self, service: &str) -> Vec<String> {
        let of_service = self.processes.iter().filter(|(_, process)| process.service == service);
        of_service.map(|(name, _)| name.clone()).collect()
    }

    /// SIGTERM, an orderly end, and a start at the same addresses.
    pub(crate) async fn replace(&mut self, name: &str) {
        self.process(name).stop().await;
        self.restart(name).await;
    }

    /// The addresses of a service's processes, as a peer is told them.
    pub(crate) fn addresses(&self, service: &str) -> String {
        addresses(&self.processes, service).join(",")
    }

    /// Ends every process in order.
    pub(crate) async fn stop(&mut self) {
        for process in self.processes.values_mut() {
            process.stop().await;
        }
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

    /// The key of the mesh, for a caller that is no process of it.
    pub(crate) fn master_key() -> MasterKey {
        MasterKey::from_hex(&MASTER_KEY.repeat(32)).unwrap()
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
            ("CHAPPE_ENDPOINT", self.rest.url().to_owned()),
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

fn name(service: &str, replica: usize) -> String {
    match replica {
        1 => service.to_owned(),
        n => format!("{service}-{n}"),
    }
}

fn addresses(processes: &BTreeMap<String, Process>, service: &str) -> Vec<String> {
    let of_service = processes.values().filter(|process| process.service == service);
    of_service
        .map(|process| format!("http://127.0.0.1:{}", process.port))
        .collect()
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
