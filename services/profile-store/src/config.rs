use serde::{Deserialize, Serialize};

/// Settings of profile-store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many days an event is kept, counted from its receipt. Its id stays taken for as long.
    pub event_retention_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        // The lookback of Batch's own event exports.
        Self {
            event_retention_days: 90,
        }
    }
}
