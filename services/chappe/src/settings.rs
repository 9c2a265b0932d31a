//! The configuration of the process: one section per concern, each section owned by its crate.

use std::{net::SocketAddr, path::PathBuf};

use chappe_coordination::CoordinationConfig;
use chappe_kit::{
    Error, MasterKey,
    config::{self, Secret},
    telemetry::{LogConfig, TracesConfig},
};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Everything that can be configured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) database: Database,
    pub(crate) coordination: CoordinationConfig,
    pub(crate) listen: Listen,
    pub(crate) keys: Keys,
    pub(crate) log: LogConfig,
    pub(crate) traces: TracesConfig,
    pub(crate) peers: Peers,
    pub(crate) identity: identity::Config,
    pub(crate) profile_store: profile_store::Config,
    pub(crate) ingestion: ingestion::Config,
    pub(crate) automation: automation::Config,
    pub(crate) email_sender: email_sender::Config,
    pub(crate) privacy: privacy::Config,
    pub(crate) gateway: gateway::Config,
}

/// The store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    /// `postgres://…`; empty for SQLite files in the data directory.
    pub(crate) url: Secret,
    /// Connections per service.
    pub(crate) max_connections: u32,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            max_connections: 8,
        }
    }
}

/// Addresses to listen on; port 0 takes any free one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listen {
    pub(crate) rest: SocketAddr,
    pub(crate) grpc: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// How long a service of the mesh still accepts calls after SIGTERM, already unready: time for others to learn it.
    pub(crate) drain_ms: u64,
}

impl Default for Listen {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            rest: local(8080),
            grpc: local(50051),
            admin: local(9090),
            drain_ms: 2_000,
        }
    }
}

/// Secrets of the mesh.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Keys {
    /// 64 hexadecimal digits, the same for every service of one mesh.
    pub(crate) master: Secret,
}

impl Keys {
    pub(crate) fn master(&self) -> Result<Option<MasterKey>, Error> {
        if self.master.is_empty() {
            return Ok(None);
        }
        let key = MasterKey::from_hex(self.master.expose());
        let wrong = || {
            Error::invalid(
                "CONFIG",
                "keys.master must be 64 hexadecimal digits: openssl rand -hex 32",
            )
        };
        key.map(Some).ok_or_else(wrong)
    }
}

/// Where the other services are, in the mesh: a URL, whose host may have any number of addresses, or several separated by
/// commas.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Peers {
    pub(crate) identity: String,
    pub(crate) profile_store: String,
    pub(crate) ingestion: String,
    pub(crate) automation: String,
    pub(crate) email_sender: String,
    pub(crate) privacy: String,
}

impl Default for Peers {
    fn default() -> Self {
        let at = |service: &str| format!("http://{service}:50051");
        Self {
            identity: at("identity"),
            profile_store: at("profile-store"),
            ingestion: at("ingestion"),
            automation: at("automation"),
            email_sender: at("email-sender"),
            privacy: at("privacy"),
        }
    }
}

/// The flags that every form of the server takes; each overrides its setting.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Flags {
    /// Configuration file (YAML); `--dump-config` shows every setting
    #[arg(long, value_name = "FILE", env = "CHAPPE_CONFIG")]
    config: Option<PathBuf>,
    /// Address of REST; 127.0.0.1:8080 unless configured, and port 0 takes any free one
    #[arg(long, value_name = "ADDR", value_parser = address)]
    rest: Option<SocketAddr>,
    /// Address of gRPC; 127.0.0.1:50051 unless configured
    #[arg(long, value_name = "ADDR", value_parser = address)]
    grpc: Option<SocketAddr>,
    /// Address of metrics and probes; 127.0.0.1:9090 unless configured
    #[arg(long, value_name = "ADDR", value_parser = address)]
    admin: Option<SocketAddr>,
    /// PostgreSQL instead of SQLite: `postgres://user:password@host:5432/database`; where others see command lines, put it
    /// into a file that `CHAPPE__DATABASE__URL_FILE` names
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Redis instead of the in-process twin: `redis://[user:password@]host:port[/db]`
    #[arg(long, value_name = "URL")]
    redis_url: Option<String>,
    /// Relay for e-mails: `smtp://[user:password@]host[:port]`; `up` keeps them in a mailbox of its own, `smtp://capture`,
    /// unless told otherwise
    #[arg(long, value_name = "URL")]
    smtp: Option<String>,
    /// Log filter, such as `info` or `warn,identity=debug`
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Prints the effective configuration, secrets masked, and ends
    #[arg(long)]
    pub(crate) dump_config: bool,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "an IP address and a port are needed, such as 127.0.0.1:8080")
}

impl Flags {
    /// Defaults, file, environment, flags, in this order.
    pub(crate) fn load(&self) -> Result<Settings, Error> {
        self.load_over(&Settings::default())
    }

    /// The same over other defaults.
    pub(crate) fn load_over(&self, defaults: &Settings) -> Result<Settings, Error> {
        config::load(defaults, self.config.as_deref(), std::env::vars(), &self.overlay())
    }

    fn overlay(&self) -> Value {
        let mut overlay = json!({});
        let mut set = |section: &str, key: &str, value: Option<String>| {
            if let Some(value) = value {
                overlay[section][key] = Value::String(value);
            }
        };
        set("listen", "rest", self.rest.map(|address| address.to_string()));
        set("listen", "grpc", self.grpc.map(|address| address.to_string()));
        set("listen", "admin", self.admin.map(|address| address.to_string()));
        set("database", "url", self.database_url.clone());
        set("coordination", "redis_url", self.redis_url.clone());
        set("email_sender", "smtp_url", self.smtp.clone());
        set("log", "level", self.log.clone());
        overlay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_override_settings() {
        let flags = Flags {
            database_url: Some("postgres://u:p@h/d".to_owned()),
            ..Flags::default()
        };
        let settings = flags.load().unwrap();
        assert_eq!(settings.database.url.expose(), "postgres://u:p@h/d");
        assert!(!config::dump(&settings).unwrap().contains("u:p"));
    }

    #[test]
    fn a_short_master_key_is_refused() {
        let keys = Keys {
            master: Secret::from("abc"),
        };
        assert!(keys.master().is_err());
    }
}
