//! What became of a message.

use tokio::sync::mpsc;

use crate::reply::{Enhanced, Reply};

/// What became of one message. Every envelope handed to a pool gets exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server took the message over.
    Accepted {
        /// The text of the reply to the final dot; often the server's queue id.
        response: String,
    },
    /// The server refused for now: 4xx, to any of the message's commands or to its body.
    Deferred {
        /// The code, 400 to 499. 421 speaks of the server, not of this message.
        code: u16,
        /// The enhanced code, if the server gave one.
        enhanced: Option<Enhanced>,
        /// The text.
        text: String,
    },
    /// The server refused for good: 5xx. Also what the server said in advance that it does not take (its `SIZE`, no
    /// `8BITMIME`, no `SMTPUTF8`), with the code it would have answered.
    Rejected {
        /// The code, 500 to 599.
        code: u16,
        /// The enhanced code, if the server gave one.
        enhanced: Option<Enhanced>,
        /// The text.
        text: String,
    },
    /// The connection ended or fell silent after the body had begun and before the reply to the final dot: the
    /// server may or may not have the message (RFC 5321 §6.1), and sending it again may deliver it twice.
    Ambiguous {
        /// What happened.
        why: String,
    },
    /// No octet of the body left: sending it again is safe.
    NotSent {
        /// What happened.
        why: String,
    },
    /// Its time to begin was over before a connection was free for it; nothing was sent.
    Late,
    /// The envelope or the body cannot be put on the wire as it is; nothing was sent.
    Invalid {
        /// What is wrong with it; names no address.
        why: String,
    },
}

impl Outcome {
    /// The outcome a 4xx or 5xx reply stands for.
    pub(super) fn refused(reply: Reply) -> Self {
        debug_assert!(reply.is_refusal());
        let Reply { code, enhanced, text } = reply;
        if code < 500 {
            Self::Deferred { code, enhanced, text }
        } else {
            Self::Rejected { code, enhanced, text }
        }
    }
}

/// The outcome of the envelope with this tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The envelope's.
    pub tag: u128,
    /// What became of it.
    pub outcome: Outcome,
}

/// The outcomes of one batch, each as soon as it is known. Dropped, it takes back what has not begun: messages still
/// in the queue are not sent, those on the wire go on.
#[derive(Debug)]
pub struct Outcomes(pub(super) mpsc::UnboundedReceiver<Delivery>);

impl Outcomes {
    /// The next outcome; `None` after the last. Safe to drop at the await.
    pub async fn next(&mut self) -> Option<Delivery> {
        self.0.recv().await
    }

    /// Waits for one outcome and takes with it what else is known by then, up to `limit`: the shape for recording in
    /// bulk. Empty after the last. Safe to drop at the await.
    pub async fn next_many(&mut self, limit: usize) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        self.0.recv_many(&mut deliveries, limit).await;
        deliveries
    }

    /// Waits for all of them.
    pub async fn all(mut self) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        while let Some(delivery) = self.next().await {
            deliveries.push(delivery);
        }
        deliveries
    }
}
