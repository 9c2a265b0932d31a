use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

/// Stops the world in the middle of a call: the next call of the named method waits here, after its effect and
/// before its answer, until it is let go. Never, when the caller dies.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Default)]
struct Inner {
    closed: Mutex<Option<&'static str>>,
    reached: Notify,
    opened: Notify,
}

impl Gate {
    pub(crate) fn close(&self, method: &'static str) {
        *self.0.closed.lock().unwrap() = Some(method);
    }

    /// Waits until a call stands at the gate.
    pub(crate) async fn reached(&self) {
        self.0.reached.notified().await;
    }

    pub(crate) fn open(&self) {
        self.0.opened.notify_one();
    }

    pub(crate) async fn pass(&self, method: &'static str) {
        let stopped = self
            .0
            .closed
            .lock()
            .unwrap()
            .take_if(|closed| *closed == method)
            .is_some();
        if stopped {
            self.0.reached.notify_one();
            self.0.opened.notified().await;
        }
    }
}
