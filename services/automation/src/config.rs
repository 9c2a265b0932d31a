/// Settings of automation.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether the store belongs to this process alone, proven by a lock on its file. Then lanes of the process
    /// before it are taken over at once instead of waiting for their leases.
    pub exclusive_store: bool,
}
