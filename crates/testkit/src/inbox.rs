use std::{sync::Arc, time::Duration};

use chappe_smtp::{Handler, Received, Receiver, Reply};
use mail_parser::MessageParser;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

/// Longer than any lease of a process that was killed, and what follows it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A relay that outlives the mesh and remembers everything it was handed, whether it answered or not.
#[derive(Debug)]
pub struct Inbox {
    memory: Arc<Memory>,
    address: String,
    _server: JoinSet<()>,
}

/// A mail as the relay saw it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mail {
    /// Addresses of the envelope, with commas between.
    pub to: String,
    /// The subject, decoded.
    pub subject: String,
    /// The Message-ID without its brackets.
    pub message_id: String,
}

#[derive(Debug)]
struct Memory {
    mails: watch::Sender<Vec<Mail>>,
    /// One permit for each answer.
    answers: Semaphore,
}

impl Inbox {
    /// Answers every mail.
    pub async fn new() -> Self {
        Self::answering(Semaphore::MAX_PERMITS / 2).await
    }

    /// Answers so many mails, then none until [`Self::answer_all`].
    ///
    /// # Panics
    /// If there is no port to listen on.
    pub async fn answering(count: usize) -> Self {
        let memory = Arc::new(Memory {
            mails: watch::Sender::default(),
            answers: Semaphore::new(count),
        });
        let receiver = Receiver::bind("127.0.0.1:0").await.expect("a port is free");
        let address = receiver.local_addr().expect("a listener has an address");
        let mut server = JoinSet::new();
        server.spawn(receiver.serve(Arc::clone(&memory), std::future::pending()));
        Self {
            memory,
            address: format!("smtp://{address}"),
            _server: server,
        }
    }

    /// What a mesh has to be told to send here.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Answers nothing from now on.
    pub fn hold(&self) {
        self.memory.answers.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Answers so many mails more.
    pub fn answer(&self, count: usize) {
        self.memory.answers.add_permits(count);
    }

    /// Answers everything from now on, and what waits for an answer.
    pub fn answer_all(&self) {
        self.hold();
        self.memory.answers.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// All mails so far, in the order in which they came.
    pub fn mails(&self) -> Vec<Mail> {
        self.memory.mails.borrow().clone()
    }

    /// Waits until the mails are as they should become.
    ///
    /// # Panics
    /// If they do not become so.
    pub async fn when(&self, what: &str, is_so: impl Fn(&[Mail]) -> bool) {
        let mut mails = self.memory.mails.subscribe();
        let in_time = timeout(PATIENCE, mails.wait_for(|mails| is_so(mails))).await.is_ok();
        let count = self.mails().len();
        assert!(in_time, "not so after {PATIENCE:?}: {what}; {count} mails are there");
    }
}

impl Handler for Memory {
    async fn on_message(&self, message: Received) -> Reply {
        let parsed = MessageParser::default()
            .parse(&message.data)
            .expect("a mail can be read");
        let mail = Mail {
            to: message.rcpt_to.join(","),
            subject: parsed.subject().expect("a mail has a subject").to_owned(),
            message_id: parsed.message_id().expect("a mail has an id").to_owned(),
        };
        self.mails.send_modify(|mails| mails.push(mail));
        self.answers.acquire().await.expect("it never closes").forget();
        Reply::new(250, "2.0.0", "kept")
    }
}
