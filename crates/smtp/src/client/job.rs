//! A message inside the pool.

use tokio::{sync::mpsc::UnboundedSender, time::Instant};

use super::{Delivery, Envelope, Outcome};

/// A message with the duty to report its outcome. One that is dropped without, because its worker was, still reports.
pub(super) struct Job {
    pub(super) envelope: Envelope,
    /// Set when an octet of the body may have left: from then on no outcome but a reply is certain.
    pub(super) body_started: bool,
    /// Set when a connection was lost under it before its body and it goes over a second one.
    pub(super) retried: bool,
    /// When it is too old to begin, if it may be.
    begin_by: Option<Instant>,
    report: Option<UnboundedSender<Delivery>>,
}

impl Job {
    pub(super) fn new(envelope: Envelope, begin_by: Option<Instant>, report: UnboundedSender<Delivery>) -> Self {
        Self {
            envelope,
            body_started: false,
            retried: false,
            begin_by,
            report: Some(report),
        }
    }

    /// Nobody waits for the outcome any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.report.as_ref().is_none_or(UnboundedSender::is_closed)
    }

    /// It may not begin any more.
    pub(super) fn is_late(&self) -> bool {
        self.begin_by.is_some_and(|begin_by| begin_by < Instant::now())
    }

    pub(super) fn finish(mut self, outcome: Outcome) {
        self.report(outcome);
    }

    /// Ends it without a reply to its body.
    pub(super) fn lose(mut self, why: String) {
        self.report_lost(why);
    }

    fn report_lost(&mut self, why: String) {
        self.report(if self.body_started {
            Outcome::Ambiguous { why }
        } else {
            Outcome::NotSent { why }
        });
    }

    fn report(&mut self, outcome: Outcome) {
        if let Some(report) = self.report.take() {
            let tag = self.envelope.tag;
            // A batch whose outcomes are no longer awaited has dropped the other end.
            report.send(Delivery { tag, outcome }).ok();
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.report_lost("the pool was dropped while it held the message".to_owned());
    }
}
