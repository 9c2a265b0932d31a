use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where a service keeps its data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:DIR/name.db` or `postgres://user:password@host/database`. A secret: it may hold a password.
    pub url: String,
    /// Connections per process: of the pool on PostgreSQL, of the readers on SQLite.
    #[serde(default = "default_max_connections")]
    pub max_connections: u32,
    /// How long a request waits for a free connection before it is told that the store is unavailable: less than the
    /// deadlines of callers, who learn it in time then.
    #[serde(default = "default_acquire_timeout_ms")]
    pub acquire_timeout_ms: u64,
}

const fn default_max_connections() -> u32 {
    8
}

const fn default_acquire_timeout_ms() -> u64 {
    3_000
}

impl DatabaseConfig {
    /// The database at `url`, with the defaults for everything else.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: default_max_connections(),
            acquire_timeout_ms: default_acquire_timeout_ms(),
        }
    }

    pub(crate) const fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_ms)
    }
}

impl std::fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = self.url.split(':').next().unwrap_or_default();
        f.debug_struct("DatabaseConfig")
            .field("url", &format_args!("{scheme}:***"))
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout_ms", &self.acquire_timeout_ms)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_printed() {
        let config = DatabaseConfig::new("postgres://chappe:hunter2@db/chappe");
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let text = r#"{"url": "sqlite:x.db", "max_conections": 3}"#;
        assert!(serde_json::from_str::<DatabaseConfig>(text).is_err());
    }
}
