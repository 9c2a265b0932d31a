//! Background work.

pub(crate) mod inactivity;
pub(crate) mod requests;
pub(crate) mod sweep;

use std::time::Duration;

use chappe_coordination::Waiter;

use crate::app::App;

/// The first pause of a worker that found nothing to do; each further one is twice as long.
const FIRST_POLL: Duration = Duration::from_millis(50);
/// The longest pause between two looks for work.
const LONGEST_POLL: Duration = Duration::from_millis(500);

/// The pause of a worker between two looks for work.
struct Idle {
    waiter: Waiter,
    pause: Duration,
}

impl Idle {
    fn on(app: &App, topic: &str) -> Self {
        Self {
            waiter: app.coordination.hints.subscribe(topic),
            pause: FIRST_POLL,
        }
    }

    /// Waits for a hint or the next look, unless there was work just now.
    async fn rest(&mut self, app: &App, worked: bool) {
        if worked {
            self.pause = FIRST_POLL;
            return;
        }
        let hinted = tokio::select! {
            hinted = self.waiter.wait(self.pause) => hinted,
            () = app.runtime.lifecycle.stopping() => false,
        };
        self.pause = if hinted {
            FIRST_POLL
        } else {
            (self.pause * 2).min(LONGEST_POLL)
        };
    }
}
