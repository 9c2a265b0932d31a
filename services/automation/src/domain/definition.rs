//! A definition, as the interpreter runs it.

use std::time::Duration;

use chappe_query::Filter;
use chrono::NaiveTime;
use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

/// A query of the targeting language, as profile-store takes it.
pub(crate) type TargetingQuery = Map<String, Json>;

/// One version of an automation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Definition {
    pub(crate) state: RunState,
    pub(crate) trigger: EventMatch,
    /// Everybody, where there is none.
    pub(crate) targeting: Option<TargetingQuery>,
    pub(crate) entry: EntryRules,
    pub(crate) cancel_on: Vec<EventMatch>,
    pub(crate) quiet: Option<QuietTimes>,
    /// The steps in document order, flattened: what a branch does not take is jumped over.
    pub(crate) program: Vec<Step>,
}

/// Whether people enter and timers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunState {
    Draft,
    Running,
    Stopped,
}

impl RunState {
    pub(crate) const ALL: [Self; 3] = [Self::Draft, Self::Running, Self::Stopped];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// An event by name and, perhaps, by its attributes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventMatch {
    pub(crate) event: String,
    pub(crate) filter: Option<Filter>,
}

/// Who may enter how often.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EntryRules {
    pub(crate) parallel: bool,
    pub(crate) max_entries: Option<u32>,
    pub(crate) grace_period: Option<Duration>,
}

/// When messages wait or are left out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QuietTimes {
    pub(crate) from: NaiveTime,
    pub(crate) to: NaiveTime,
    pub(crate) zone: Zone,
    pub(crate) fallback: Fallback,
}

/// What happens to a message inside quiet times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fallback {
    Wait,
    Skip,
}

/// Whose clock on the wall counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// That of the profile; UTC where it has none.
    Profile,
    Fixed(Tz),
}

/// A step by the name that entries keep.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    /// Empty for jumps: nobody rests there.
    pub(crate) name: String,
    pub(crate) op: Op,
}

/// What a step does. Targets are indexes into the program; its length is the end. They only lead forward.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    Delay(Duration),
    DelayUntil {
        time: NaiveTime,
        zone: Zone,
    },
    Send {
        template: String,
        sender: String,
    },
    /// Goes on with the next step if both conditions hold, else elsewhere.
    Branch {
        profile: Option<TargetingQuery>,
        event: Option<Filter>,
        otherwise: usize,
    },
    Split(Vec<Arm>),
    Jump(usize),
    Exit,
}

/// One way of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arm {
    pub(crate) weight: u32,
    pub(crate) target: usize,
}

impl Definition {
    /// Where a step is.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.program.iter().position(|step| step.name == name)
    }

    /// Whether running it takes the time zone of a profile.
    pub(crate) fn uses_profile_zone(&self) -> bool {
        self.quiet.as_ref().is_some_and(|quiet| quiet.zone == Zone::Profile)
            || self.program.iter().any(|step| {
                matches!(
                    step.op,
                    Op::DelayUntil {
                        zone: Zone::Profile,
                        ..
                    }
                )
            })
    }
}
