//! What the workers of a pool share: the messages that wait, and the count of who works.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::job::Job;

/// After a connection could not be opened, no further ones are added to those that exist for this long.
const GROWTH_PAUSE: Duration = Duration::from_secs(5);

/// Once the pool is being closed: how long the server may take up to its permission to send a body.
const LAST_CALL: Duration = Duration::from_secs(2);

pub(super) struct Queue {
    state: Mutex<State>,
    wake: Notify,
    closing: Notify,
    max_workers: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Workers that will look into the queue again before they end.
    workers: usize,
    /// Those of them that hold an open connection and have nothing to do.
    idle: usize,
    no_growth_before: Option<Instant>,
    closed: bool,
}

/// What an idle worker woke up for.
pub(super) enum Woken {
    Job(Job),
    Closed,
}

impl Queue {
    pub(super) fn new(max_workers: usize) -> Self {
        Self {
            state: Mutex::default(),
            wake: Notify::new(),
            closing: Notify::new(),
            max_workers,
        }
    }

    /// Adds messages. Answers how many workers to start; they are counted already.
    pub(super) fn push(&self, jobs: Vec<Job>) -> usize {
        let mut state = self.state();
        if state.closed {
            drop(state);
            jobs.into_iter().for_each(lose_closed);
            return 0;
        }
        let added = jobs.len();
        state.waiting.extend(jobs);
        let paused = state.no_growth_before.is_some_and(|until| Instant::now() < until);
        let limit = if paused { 1 } else { self.max_workers };
        let start = state
            .waiting
            .len()
            .saturating_sub(state.idle)
            .min(limit.saturating_sub(state.workers));
        state.workers += start;
        let wake = added.min(state.idle);
        drop(state);
        (0..wake).for_each(|_| self.wake.notify_one());
        start
    }

    /// The next message, if there is one.
    pub(super) fn take(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            let job = state.waiting.pop_front()?;
            if !job.is_abandoned() {
                return Some(job);
            }
        }
    }

    /// The next message, or the end of the worker that asks: one decision, so that no message is added in between.
    pub(super) fn take_or_retire(&self) -> Option<Job> {
        let mut state = self.state();
        while let Some(job) = state.waiting.pop_front() {
            if !job.is_abandoned() {
                return Some(job);
            }
        }
        state.workers -= 1;
        None
    }

    /// Waits for a message with an open connection in hand.
    pub(super) async fn wait(&self) -> Woken {
        loop {
            let mut woken = std::pin::pin!(self.wake.notified());
            woken.as_mut().enable();
            if let Some(job) = self.take() {
                return Woken::Job(job);
            }
            let Some(_idle) = self.count_idle() else {
                return Woken::Closed;
            };
            woken.await;
        }
    }

    /// The connection ended under this message. Before its body, and on a connection that had worked, it goes to the
    /// head of the queue, once: servers close connections they find idle or used up, and that is no news about the
    /// message.
    pub(super) fn lose(&self, mut job: Job, why: String, connection_had_worked: bool) {
        if connection_had_worked && !job.body_started && !job.retried {
            job.retried = true;
            self.state().waiting.push_front(job);
        } else {
            job.lose(why);
        }
    }

    /// No connection could be opened for this message. While others work, it is left to them and the worker that asks
    /// ends; the last one gives up everything that waits, for nobody else would. Answers whether to go on.
    pub(super) fn give_up(&self, job: Job, why: &str) -> bool {
        let mut state = self.state();
        state.no_growth_before = Some(Instant::now() + GROWTH_PAUSE);
        if state.workers > 1 && !state.closed {
            state.workers -= 1;
            state.waiting.push_front(job);
            drop(state);
            self.wake.notify_one();
            return false;
        }
        let lost = std::mem::take(&mut state.waiting);
        drop(state);
        std::iter::once(job)
            .chain(lost)
            .for_each(|job| job.lose(why.to_owned()));
        true
    }

    /// A worker panicked and did not retire.
    pub(super) fn forget_worker(&self) {
        self.state().workers -= 1;
    }

    /// Gives back what waits and wakes everybody to end.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let lost = std::mem::take(&mut state.waiting);
        drop(state);
        self.wake.notify_waiters();
        self.closing.notify_waiters();
        lost.into_iter().for_each(lose_closed);
    }

    /// Ends when the pool is being closed.
    pub(super) async fn closing(&self) {
        let mut told = std::pin::pin!(self.closing.notified());
        told.as_mut().enable();
        if !self.state().closed {
            told.await;
        }
    }

    /// Ends a while later.
    pub(super) async fn last_call(&self) {
        self.closing().await;
        timeout(LAST_CALL, std::future::pending::<()>()).await.ok();
    }

    fn count_idle(&self) -> Option<Idle<'_>> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        state.idle += 1;
        Some(Idle(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Idle<'a>(&'a Queue);

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.state().idle -= 1;
    }
}

fn lose_closed(job: Job) {
    job.lose("the pool is closed".to_owned());
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::client::{Envelope, Outcome};

    #[test]
    fn a_message_that_loses_a_second_connection_is_given_back() {
        let queue = Queue::new(2);
        let (report, mut outcomes) = mpsc::unbounded_channel();
        let envelope = Envelope {
            tag: 1,
            mail_from: String::new(),
            rcpt_to: "a@b.example".to_owned(),
            data: Vec::new(),
        };
        assert_eq!(queue.push(vec![Job::new(envelope, None, report)]), 1);
        queue.lose(queue.take().unwrap(), "first".to_owned(), true);
        assert!(outcomes.try_recv().is_err(), "it waits for another connection");
        queue.lose(queue.take().unwrap(), "second".to_owned(), true);
        let why = "second".to_owned();
        assert_eq!(outcomes.try_recv().unwrap().outcome, Outcome::NotSent { why });
    }
}
