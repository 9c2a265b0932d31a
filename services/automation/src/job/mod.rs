//! Background work: each job is a turn that is repeated.

mod feed;
mod handover;
pub(crate) mod interest;
mod lanes;
mod outcomes;
mod profiles;
mod purge;
mod timers;

use std::{sync::Arc, time::Duration};

use chappe_kit::{Error, lifecycle::TaskKind};

use crate::{app::App, store::lanes::LOST};

/// Topic of the hint that messages wait for their hand-over.
pub(crate) const OUTBOX: &str = "automation.outbox";

/// Topic of the hint that entries may be due.
pub(crate) const TIMERS: &str = "automation.timers";

/// Topic of the hint that lanes are free.
pub(crate) const LANES: &str = "automation.lanes";

/// Longest pause between two looks for work.
const IDLE: Duration = Duration::from_millis(500);

/// How long a pull waits for its first row.
const LONG_POLL: Duration = Duration::from_secs(5);

/// Pause after a pull that brought nothing: a peer that answers at once instead of waiting must not make us spin.
const BETWEEN_PULLS: Duration = Duration::from_millis(10);

/// First pause after a failure; doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Longest pause after failures.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// Relays side by side: one claims while the other hands over.
const RELAYS: usize = 2;

/// A background job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Keeps, takes and shares out lanes.
    Lanes,
    /// Pulls events and opens, restarts and cancels entries.
    Feed,
    /// Runs entries that are due.
    Timers,
    /// Hands messages over.
    HandOver,
    /// Takes messages back.
    TakeBack,
    /// Learns what became of messages.
    Outcomes,
    /// Withdraws interest in events that nobody waits for any more.
    Interest,
    /// Forgets what is old.
    Purge,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// Rows dealt with.
    work: usize,
    /// How long to wait for a hint before the next one.
    pause: Duration,
}

impl Turn {
    /// Goes on at once after work, else pauses.
    const fn after(work: usize, pause: Duration) -> Self {
        let pause = if work > 0 { Duration::ZERO } else { pause };
        Self { work, pause }
    }
}

impl Job {
    const ALL: [Self; 8] = [
        Self::Lanes,
        Self::Feed,
        Self::Timers,
        Self::HandOver,
        Self::TakeBack,
        Self::Outcomes,
        Self::Interest,
        Self::Purge,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Lanes => "automation.lanes",
            Self::Feed => "automation.feed",
            Self::Timers => "automation.timers",
            Self::HandOver => "automation.handover",
            Self::TakeBack => "automation.takeback",
            Self::Outcomes => "automation.outcomes",
            Self::Interest => "automation.interest",
            Self::Purge => "automation.purge",
        }
    }

    /// The hint that ends a pause.
    const fn topic(self) -> &'static str {
        match self {
            Self::HandOver | Self::TakeBack => OUTBOX,
            Self::Timers => TIMERS,
            Self::Lanes => LANES,
            Self::Feed | Self::Outcomes | Self::Interest | Self::Purge => "automation.nothing",
        }
    }

    const fn instances(self) -> usize {
        match self {
            Self::HandOver => RELAYS,
            _ => 1,
        }
    }

    /// One turn that does not wait for work.
    pub(crate) async fn turn(self, app: &App) -> Result<usize, Error> {
        self.run(app, Duration::ZERO).await.map(|turn| turn.work)
    }

    /// One turn; a pull waits `patience` for its first row.
    async fn run(self, app: &App, patience: Duration) -> Result<Turn, Error> {
        match self {
            Self::Lanes => lanes::turn(app).await,
            Self::Feed => feed::turn(app, patience).await,
            Self::Timers => timers::turn(app).await,
            Self::HandOver => handover::send(app).await,
            Self::TakeBack => handover::take_back(app).await,
            Self::Outcomes => outcomes::turn(app, patience).await,
            Self::Interest => interest::turn(app).await,
            Self::Purge => purge::turn(app).await,
        }
    }

    async fn repeat(self, app: &App) {
        let lifecycle = &app.runtime.lifecycle;
        let mut hints = app.coordination.hints.subscribe(self.topic());
        let mut backoff = FIRST_BACKOFF;
        while !lifecycle.is_stopping() {
            let turn = tokio::select! {
                // A batch that is dropped rolls back; a pull that is dropped changes nothing.
                () = lifecycle.stopping() => break,
                turn = self.run(app, LONG_POLL) => turn,
            };
            match turn {
                Ok(turn) => {
                    backoff = FIRST_BACKOFF;
                    if turn.pause > Duration::ZERO {
                        tokio::select! {
                            () = lifecycle.stopping() => break,
                            _ = hints.wait(turn.pause) => {}
                        }
                    }
                }
                Err(error) => {
                    error.log(self.name());
                    if error.reason() == LOST {
                        metrics::counter!("chappe_automation_fenced_total").increment(1);
                        if let Err(error) = Self::Lanes.turn(app).await {
                            error.log(Self::Lanes.name());
                        }
                    }
                    lifecycle.pause(backoff).await;
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                }
            }
        }
        if self == Self::Lanes {
            lanes::leave(app).await;
        }
    }
}

/// Starts all of them.
pub(crate) fn start(app: &Arc<App>) {
    for job in Job::ALL {
        for _ in 0..job.instances() {
            let app = app.clone();
            let lifecycle = app.runtime.lifecycle.clone();
            lifecycle.spawn(TaskKind::Essential, job.name(), async move { job.repeat(&app).await });
        }
    }
}
