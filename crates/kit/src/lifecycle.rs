//! Tasks that are known by name, and an orderly end.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What the end of a task means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// The process is useless without it: its end outside a shutdown begins one.
    Essential,
    /// One piece of work; its end is nobody's business, but a shutdown waits for it.
    Work,
}

/// Hands out tasks and ends them: first the soft signal, then patience, then the door.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    draining: CancellationToken,
    stopping: CancellationToken,
    failed: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// Nothing running, nothing stopping.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a future under a name. A panic is logged and, for an essential task, ends the process.
    pub fn spawn<F>(&self, kind: TaskKind, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let lifecycle = self.clone();
        self.tasks.spawn(async move {
            let outcome = AssertUnwindSafe(future).catch_unwind().await;
            if outcome.is_err() {
                tracing::error!(task.name = name, "the task {name} panicked");
            }
            if kind == TaskKind::Essential && !lifecycle.stopping.is_cancelled() {
                tracing::error!(
                    task.name = name,
                    "the task {name} ended although nobody asked it to: stopping"
                );
                lifecycle.failed.cancel();
                lifecycle.stop();
            }
        });
    }

    /// Carries work that must not stop half-way to its end, whether or not the caller waits for it.
    pub async fn detached<F, T>(&self, name: &'static str, future: F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.spawn(TaskKind::Work, name, async move {
            let result = future.await;
            // The caller may have hung up; the work is done all the same.
            drop(sender.send(result));
        });
        receiver.await.ok()
    }

    /// Announces the shutdown: whoever is answered now should go elsewhere next time.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Whether the shutdown has been announced or has begun.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Begins the shutdown. Repeating it changes nothing.
    pub fn stop(&self) {
        self.drain();
        self.stopping.cancel();
    }

    /// Whether the shutdown has begun.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Waits until the shutdown begins.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// Whether the shutdown was begun by the failure of an essential task.
    pub fn has_failed(&self) -> bool {
        self.failed.is_cancelled()
    }

    /// Waits, or returns early with `false` when the shutdown begins.
    pub async fn pause(&self, duration: Duration) -> bool {
        tokio::time::timeout(duration, self.stopping.cancelled()).await.is_err()
    }

    /// Waits for all tasks, at most as long as it takes patience. Says whether all have ended.
    pub async fn drained(&self, patience: Duration) -> bool {
        self.tasks.close();
        tokio::time::timeout(patience, self.tasks.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_an_essential_task_ends_the_process() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn(TaskKind::Essential, "test", async { panic!("on purpose") });
        lifecycle.stopping().await;
        assert!(lifecycle.has_failed());
        assert!(lifecycle.drained(Duration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn detached_work_survives_its_caller() {
        let lifecycle = Lifecycle::new();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let mut work = Box::pin(lifecycle.detached("test", async move {
            wait.await.unwrap();
            sender.send(()).unwrap();
        }));
        assert!(futures_util::poll!(&mut work).is_pending());
        drop(work);
        go.send(()).unwrap();
        receiver.await.unwrap();
    }
}
