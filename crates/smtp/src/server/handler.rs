//! What a receiver does with messages, and where it may be told to misbehave.

use crate::reply::Reply;

/// What a receiver does with messages.
pub trait Handler: Send + Sync + 'static {
    /// Takes a complete message. The reply is the one to its final dot; the sender waits for it.
    fn on_message(&self, message: Received) -> impl Future<Output = Reply> + Send;

    /// Asked before every reply. The default lets all pass; refusals of recipients go here, and so do the faults of
    /// [`crate::scripted`].
    fn at(&self, at: &At<'_>) -> Action {
        let _ = at;
        Action::Proceed
    }
}

/// A message as it arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// 1, 2, … in the order of arrival at this receiver.
    pub id: u64,
    /// The reverse-path; empty for `<>`.
    pub mail_from: String,
    /// The recipients, in order.
    pub rcpt_to: Vec<String>,
    /// Headers and body with CRLF line ends, dots not doubled. No trace header is added.
    pub data: Vec<u8>,
}

/// Without addresses and content, which do not belong into logs.
impl std::fmt::Debug for Received {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Received")
            .field("id", &self.id)
            .field("recipients", &self.rcpt_to.len())
            .field("octets", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// The steps of a session that have a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The connection is open.
    Greeting,
    /// `EHLO`.
    Ehlo,
    /// `HELO`.
    Helo,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`, with at least one recipient.
    Data,
    /// The final dot.
    Message,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The step.
    pub stage: Stage,
    /// From `MAIL` on.
    pub mail_from: &'a str,
    /// From `RCPT` on, the one in question last.
    pub rcpt_to: &'a [String],
}

/// What happens at a stage. A positive reply lets the stage take effect, any other does not: with
/// `Reply(250)` at [`Stage::Message`] the handler gets the message, with `Reply(451)` it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The usual.
    Proceed,
    /// This reply in place of the usual.
    Reply(Reply),
    /// This reply, and the connection is closed.
    ReplyThenClose(Reply),
    /// The connection is closed without a reply; the stage has no effect.
    HangUp,
    /// The stage takes effect, and the connection is closed without a reply.
    LoseReply,
    /// No reply ever; the stage has no effect. The connection stays open until the client closes it.
    Stall,
}
