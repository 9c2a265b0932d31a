use chappe_kit::Timestamp;
use chappe_proto::privacy::InactivityRun;
use serde::Serialize;

/// A safety brake held or halted the run. Outside the range that shells and kernels use for themselves, so that a
/// Job can tell it from a crash and is not retried.
const EXIT_HELD: u8 = 42;

/// How a run ended. Its JSON is a contract: scripts read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `SUCCEEDED`, `HELD`, `HALTED` or `FAILED`.
    pub state: String,
    /// Profiles whose last activity is strictly before this were inactive; RFC 3339.
    pub cutoff: String,
    /// Profiles when the run was planned.
    pub population: i64,
    /// Inactive ones when it was planned.
    pub candidates: i64,
    /// Profiles deleted.
    pub deleted: i64,
    /// The brakes that tripped, each as `name: number and limit`. In a dry run, those that would have.
    pub brakes: Vec<String>,
}

impl Report {
    pub(crate) fn of(run: &InactivityRun) -> Self {
        let name = run.state().as_str_name();
        let tripped = run.brakes.iter().filter(|brake| brake.tripped);
        Self {
            state: name.trim_start_matches("INACTIVITY_STATE_").to_owned(),
            cutoff: run.cutoff.map(Timestamp::from).unwrap_or_default().to_rfc3339(),
            population: run.population,
            candidates: run.candidates,
            deleted: run.deleted,
            brakes: tripped
                .map(|brake| format!("{}: {}", brake.name, brake.detail))
                .collect(),
        }
    }

    /// Whether a brake held the run before it deleted anything.
    pub fn is_held(&self) -> bool {
        self.state == "HELD"
    }

    /// 0 done (a dry run included), 42 held or halted by a brake, 1 anything else.
    pub fn exit_code(&self) -> u8 {
        match self.state.as_str() {
            "SUCCEEDED" => 0,
            "HELD" | "HALTED" => EXIT_HELD,
            _ => 1,
        }
    }
}
