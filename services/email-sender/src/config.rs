use serde::{Deserialize, Serialize};

use chappe_smtp::SmtpUrl;

/// What an operator sets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The relay: `smtp://[user:password@]host:port`.
    pub smtp_url: SmtpUrl,
    /// Where tracking links lead: the gateway's REST address as recipients reach it.
    pub public_url: String,
    /// What this host calls itself in `EHLO`: its DNS name.
    pub helo_name: String,
    /// SMTP connections at the same time.
    pub max_connections: u32,
    /// Messages of one micro-batch per connection. A batch is claimed, rendered, marked and sent together.
    pub pipeline_depth: u32,
    /// Micro-batches on their way at the same time.
    pub batches_in_flight: u32,
    /// Address for opt-outs by mail, added to `List-Unsubscribe`. It must be read by somebody.
    pub unsubscribe_mailto: Option<String>,
    /// The store belongs to this process alone (embedded): leases of the one before it are void at start.
    pub exclusive_store: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            smtp_url: "smtp://localhost:25".parse().expect("the default is an SMTP URL"),
            public_url: "http://localhost:8080".to_owned(),
            helo_name: "localhost".to_owned(),
            max_connections: 8,
            pipeline_depth: 16,
            batches_in_flight: 3,
            unsubscribe_mailto: None,
            exclusive_store: false,
        }
    }
}

impl Config {
    /// Messages of one micro-batch.
    pub(crate) fn batch_size(&self) -> u32 {
        /// What one call to profile-store takes.
        const MAX_BATCH: u32 = 1_000;
        (self.max_connections * self.pipeline_depth).clamp(1, MAX_BATCH)
    }
}
