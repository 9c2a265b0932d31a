//! An inactivity run.

use chappe_ids::{ProjectId, RunId};
use chappe_kit::{Error, Timestamp};

use super::brakes::Brake;

/// Where a run is, as stored: the numbers are those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Planning = 1,
    Planned = 2,
    Held = 3,
    Deleting = 4,
    Succeeded = 5,
    Halted = 6,
    Failed = 7,
}

impl State {
    pub(crate) fn from_stored(stored: i64) -> Result<Self, Error> {
        const ALL: [State; 7] = [
            State::Planning,
            State::Planned,
            State::Held,
            State::Deleting,
            State::Succeeded,
            State::Halted,
            State::Failed,
        ];
        let known = ALL.into_iter().find(|state| *state as i64 == stored);
        known.ok_or_else(|| Error::internal(format!("{stored} is no state of a run")))
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Planning => "PLANNING",
            Self::Planned => "PLANNED",
            Self::Held => "HELD",
            Self::Deleting => "DELETING",
            Self::Succeeded => "SUCCEEDED",
            Self::Halted => "HALTED",
            Self::Failed => "FAILED",
        }
    }

    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::Held | Self::Succeeded | Self::Halted | Self::Failed)
    }
}

/// A run and how far it is.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) project: ProjectId,
    pub(crate) id: RunId,
    pub(crate) state: State,
    pub(crate) created_at: Timestamp,
    /// Frozen when the run was started.
    pub(crate) cutoff: Timestamp,
    pub(crate) is_dry: bool,
    pub(crate) max_ratio: Option<f64>,
    pub(crate) population: i64,
    pub(crate) candidates: i64,
    /// Most profiles that it may delete, as the brakes had it when it was planned.
    pub(crate) allowed: i64,
    pub(crate) deleted: i64,
    /// The last profile id of the last batch; empty before the first.
    pub(crate) after: String,
    pub(crate) brakes: Vec<Brake>,
    /// Failures in a row.
    pub(crate) attempts: i64,
}

impl Run {
    /// A run that is about to be planned.
    pub(crate) fn new(project: ProjectId, id: RunId, created_at: Timestamp, cutoff: Timestamp) -> Self {
        Self {
            project,
            id,
            state: State::Planning,
            created_at,
            cutoff,
            is_dry: false,
            max_ratio: None,
            population: 0,
            candidates: 0,
            allowed: 0,
            deleted: 0,
            after: String::new(),
            brakes: Vec::new(),
            attempts: 0,
        }
    }
}
