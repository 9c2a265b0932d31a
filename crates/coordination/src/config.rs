use std::time::Duration;

use chappe_kit::config::Secret;
use serde::{Deserialize, Serialize};

/// Where the accelerators of this process live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CoordinationConfig {
    /// `redis://[user:password@]host:port[/db]`. Empty: everything stays in this process. A secret, since it may
    /// carry a password.
    pub redis_url: Secret,
    /// First part of every key, so that several installations can share one Redis. Letters, digits, `-`, `_`, `.`
    /// and `:`.
    pub key_prefix: String,
    /// Milliseconds that one operation may take in all before it counts as an outage.
    pub timeout_ms: u64,
}

impl CoordinationConfig {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.max(1))
    }

    /// A brace would move the hash tag of every key.
    pub(crate) fn has_valid_prefix(&self) -> bool {
        !self.key_prefix.is_empty()
            && self
                .key_prefix
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    }
}

impl Default for CoordinationConfig {
    fn default() -> Self {
        Self {
            redis_url: Secret::default(),
            key_prefix: "chappe".to_owned(),
            // A healthy Redis answers within 1 ms; beyond 50 the database has answered as well.
            timeout_ms: 50,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_keeps_the_url_to_itself() {
        let config = CoordinationConfig {
            redis_url: Secret::from("redis://:hunter2@redis:6379"),
            ..CoordinationConfig::default()
        };
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_prefix_with_a_brace_is_refused() {
        let prefix = |prefix: &str| CoordinationConfig {
            key_prefix: prefix.to_owned(),
            ..CoordinationConfig::default()
        };
        assert!(prefix("chappe:eu-1").has_valid_prefix());
        assert!(!prefix("{chappe}").has_valid_prefix());
        assert!(!prefix("").has_valid_prefix());
    }
}
