use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chappe_kit::{Clock, Timestamp};
use mail_parser::MessageParser;

/// Mails kept; the oldest go first.
const CAPACITY: usize = 10_000;

/// What arrived, newest last.
#[derive(Clone)]
pub(crate) struct Mailbox {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    next_id: u64,
    messages: VecDeque<Arc<Captured>>,
}

/// One mail as it arrived.
#[derive(Debug)]
pub(crate) struct Captured {
    /// Rises by one with every mail.
    pub(crate) id: u64,
    pub(crate) received_at: Timestamp,
    /// The envelope's.
    pub(crate) from: String,
    /// The envelope's.
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    /// In order; a name may repeat.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) raw: Vec<u8>,
}

impl Mailbox {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            state: Arc::default(),
        }
    }

    /// Keeps a mail.
    pub(crate) fn deliver(&self, from: String, to: Vec<String>, raw: Vec<u8>) {
        let received_at = self.clock.now();
        let parsed = MessageParser::default().parse(&raw);
        let body = |part: Option<std::borrow::Cow<'_, str>>| part.map(std::borrow::Cow::into_owned).unwrap_or_default();
        let mut captured = Captured {
            id: 0,
            received_at,
            from,
            to,
            subject: parsed
                .as_ref()
                .and_then(|mail| mail.subject())
                .unwrap_or_default()
                .to_owned(),
            headers: parsed.as_ref().map(|mail| headers(mail)).unwrap_or_default(),
            text: body(parsed.as_ref().and_then(|mail| mail.body_text(0))),
            html: body(parsed.as_ref().and_then(|mail| mail.body_html(0))),
            raw: Vec::new(),
        };
        captured.raw = raw;
        let mut state = self.lock();
        captured.id = state.next_id;
        state.next_id += 1;
        state.messages.push_back(Arc::new(captured));
        if state.messages.len() > CAPACITY {
            state.messages.pop_front();
        }
    }

    /// Mails with this id or a later one, oldest first.
    pub(crate) fn messages_since(&self, from: u64) -> Vec<Arc<Captured>> {
        let state = self.lock();
        let first = state.messages.partition_point(|message| message.id < from);
        state.messages.range(first..).cloned().collect()
    }

    /// One mail.
    pub(crate) fn message(&self, id: u64) -> Option<Arc<Captured>> {
        self.messages_since(id)
            .into_iter()
            .next()
            .filter(|message| message.id == id)
    }

    /// Mails to one of these envelope addresses, compared folded.
    pub(crate) fn count(&self, addresses: &[String]) -> usize {
        self.lock()
            .messages
            .iter()
            .filter(|message| is_to(message, addresses))
            .count()
    }

    /// Forgets the mails to these envelope addresses and tells how many there were.
    pub(crate) fn forget(&self, addresses: &[String]) -> usize {
        let mut state = self.lock();
        let before = state.messages.len();
        state.messages.retain(|message| !is_to(message, addresses));
        before - state.messages.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_to(message: &Captured, addresses: &[String]) -> bool {
    message
        .to
        .iter()
        .any(|to| addresses.iter().any(|address| address.eq_ignore_ascii_case(to)))
}

fn headers(mail: &mail_parser::Message<'_>) -> Vec<(String, String)> {
    mail.headers_raw()
        .map(|(name, value)| (name.to_owned(), unfold(value)))
        .collect()
}

/// A header value on one line (RFC 5322 §2.2.3).
fn unfold(value: &str) -> String {
    value
        .split(['\r', '\n'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_are_read_in_order_and_forgotten_by_address() {
        let mailbox = Mailbox::new(Clock::system());
        for to in ["ada@example.org", "bob@example.org", "ADA@example.org"] {
            let raw = format!("To: {to}\r\nSubject: Hello\r\n there\r\n\r\nHi\r\n");
            mailbox.deliver("shop@example.org".to_owned(), vec![to.to_owned()], raw.into_bytes());
        }
        assert_eq!(mailbox.messages_since(1).len(), 2);
        assert_eq!(
            mailbox.message(0).unwrap().headers[1],
            ("Subject".to_owned(), "Hello there".to_owned())
        );
        assert_eq!(mailbox.forget(&["ada@example.org".to_owned()]), 2);
        assert!(mailbox.message(0).is_none());
        assert_eq!(mailbox.messages_since(0).len(), 1);
    }
}
