use std::time::Duration;

use chappe_kit::Error;
use serde::{Deserialize, Serialize};

/// Profiles that profile-store deletes in one batch at most, by its contract.
const MAX_BATCH: u32 = 2_000;

/// Settings of privacy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Profiles deleted in one batch of an inactivity run: 1 to 2,000.
    pub batch_size: u32,
    /// Holds every inactivity run that has not begun to delete, and halts every one that has.
    pub kill_switch: bool,
    /// What an inactivity run must not exceed.
    pub brakes: Brakes,
}

/// Limits of the brakes of an inactivity run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Brakes {
    /// Largest share of the population, 0 to 1, where the run does not bring its own.
    pub max_ratio: f64,
    /// Most profiles of one project in one run, whatever the run says.
    pub max_deletions: u32,
    /// A project without an accepted write for so many hours is taken for one whose ingestion is down.
    pub max_silence_hours: u32,
    /// Seconds by which the database's clock may differ from the service's.
    pub max_clock_drift_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            batch_size: 1_000,
            kill_switch: false,
            brakes: Brakes::default(),
        }
    }
}

impl Default for Brakes {
    fn default() -> Self {
        Self {
            max_ratio: 0.05,
            max_deletions: 100_000,
            max_silence_hours: 24,
            max_clock_drift_seconds: 60,
        }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        if !(1..=MAX_BATCH).contains(&self.batch_size) {
            return Err(Error::invalid_field(
                "privacy.batch_size",
                format!("must be from 1 to {MAX_BATCH}"),
            ));
        }
        if !(0.0..=1.0).contains(&self.brakes.max_ratio) {
            return Err(Error::invalid_field("privacy.brakes.max_ratio", "must be from 0 to 1"));
        }
        Ok(())
    }
}

impl Brakes {
    pub(crate) fn max_silence(&self) -> Duration {
        Duration::from_hours(u64::from(self.max_silence_hours))
    }

    pub(crate) fn max_clock_drift(&self) -> Duration {
        Duration::from_secs(u64::from(self.max_clock_drift_seconds))
    }
}
