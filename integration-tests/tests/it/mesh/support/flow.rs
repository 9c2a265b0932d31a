use std::{collections::BTreeMap, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval, timeout},
};

use super::{
    people::{People, Told},
    rest::{Answer, Rest},
};

/// One call, or one attempt at it, every so often.
const PACE: Duration = Duration::from_millis(80);
/// Longer than a call takes that waits for what is down.
const PATIENCE: Duration = Duration::from_mins(1);

/// A client that goes on telling what people do, one call after the other. What is refused, or is not answered, is
/// said again under the same key.
pub(crate) struct Flow {
    progress: watch::Receiver<Progress>,
    goes_on: watch::Sender<bool>,
    task: JoinSet<Told>,
}

/// How far a flow has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// Calls that were answered with success.
    pub(crate) accepted: usize,
    /// How others ended, and how many.
    pub(crate) refused: BTreeMap<Answer, usize>,
}

impl Progress {
    fn attempts(&self) -> usize {
        self.accepted + self.refused.values().sum::<usize>()
    }
}

impl Flow {
    pub(crate) fn start(rest: Rest, seed: u64) -> Self {
        let (sender, progress) = watch::channel(Progress::default());
        let (goes_on, is_wanted) = watch::channel(true);
        let mut task = JoinSet::new();
        task.spawn(run(rest, seed, sender, is_wanted));
        Self {
            progress,
            goes_on,
            task,
        }
    }

    /// Waits until so many more calls have succeeded.
    pub(crate) async fn accepted(&mut self, more: usize) {
        let goal = self.progress.borrow().accepted + more;
        self.when(|progress| progress.accepted >= goal).await;
    }

    /// Waits until so many more calls have been made, with whatever end.
    pub(crate) async fn attempted(&mut self, more: usize) {
        let goal = self.progress.borrow().attempts() + more;
        self.when(|progress| progress.attempts() >= goal).await;
    }

    /// Ends when everything that was begun is acknowledged.
    pub(crate) async fn end(mut self) -> (Told, Progress) {
        self.goes_on.send_replace(false);
        let told = timeout(PATIENCE, self.task.join_next()).await;
        let told = told.expect("every call succeeds in time").unwrap().unwrap();
        (told, self.progress.borrow().clone())
    }

    async fn when(&mut self, is_so: impl Fn(&Progress) -> bool) {
        let in_time = timeout(PATIENCE, self.progress.wait_for(is_so)).await.is_ok();
        assert!(in_time, "the flow stands: {:?}", self.progress.borrow());
    }
}

async fn run(rest: Rest, seed: u64, progress: watch::Sender<Progress>, is_wanted: watch::Receiver<bool>) -> Told {
    let mut people = People::new(seed);
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for call in 0_u32.. {
        let body = if *is_wanted.borrow() {
            people.next()
        } else if let Some(body) = people.rest() {
            body
        } else {
            break;
        };
        tell(&rest, &format!("call-{call}"), &body, &mut pace, &progress).await;
    }
    people.told
}

async fn tell(
    rest: &Rest,
    key: &str,
    body: &serde_json::Value,
    pace: &mut Interval,
    progress: &watch::Sender<Progress>,
) {
    loop {
        pace.tick().await;
        let answer = rest.update(key, body).await;
        let is_done = answer == Answer::Accepted;
        if let Answer::Refused(status, _) = answer {
            assert!(status == 429 || status >= 500, "{status} is the end of a call");
        }
        progress.send_modify(|progress| {
            if is_done {
                progress.accepted += 1;
            } else {
                *progress.refused.entry(answer).or_default() += 1;
            }
        });
        if is_done {
            return;
        }
    }
}
