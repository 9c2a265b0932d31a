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
pub(crate) struct Inbox {
    memory: Arc<Memory>,
    address: String,
    _server: JoinSet<()>,
}

/// A mail as the relay saw it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) message_id: String,
}

struct Memory {
    mails: watch::Sender<Vec<Mail>>,
    /// One permit for each answer.
    answers: Semaphore,
}

impl Inbox {
    /// Answers every mail.
    pub(crate) async fn new() -> Self {
        Self::answering(Semaphore::MAX_PERMITS).await
    }

    /// Answers so many mails, then none until [`Self::answer_all`].
    pub(crate) async fn answering(count: usize) -> Self {
        let memory = Arc::new(Memory {
            mails: watch::Sender::default(),
            answers: Semaphore::new(count),
        });
        let receiver = Receiver::bind("127.0.0.1:0").await.unwrap();
        let address = format!("smtp://{}", receiver.local_addr().unwrap());
        let mut server = JoinSet::new();
        server.spawn(receiver.serve(Arc::clone(&memory), std::future::pending()));
        Self {
            memory,
            address,
            _server: server,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Answers everything from now on, and what waits for an answer.
    pub(crate) fn answer_all(&self) {
        self.memory.answers.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// All mails so far.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.memory.mails.borrow().clone()
    }

    /// Waits until the mails are as they should become.
    pub(crate) async fn when(&self, what: &str, is_so: impl Fn(&[Mail]) -> bool) {
        let mut mails = self.memory.mails.subscribe();
        let in_time = timeout(PATIENCE, mails.wait_for(|mails| is_so(mails))).await.is_ok();
        let count = self.mails().len();
        assert!(in_time, "not so after {PATIENCE:?}: {what}; {count} mails are there");
    }
}

impl Handler for Memory {
    async fn on_message(&self, message: Received) -> Reply {
        let parsed = MessageParser::default().parse(&message.data).unwrap();
        let mail = Mail {
            to: message.rcpt_to.join(","),
            subject: parsed.subject().unwrap().to_owned(),
            message_id: parsed.message_id().unwrap().to_owned(),
        };
        self.mails.send_modify(|mails| mails.push(mail));
        self.answers.acquire().await.unwrap().forget();
        Reply::new(250, "2.0.0", "kept")
    }
}
