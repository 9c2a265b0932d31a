//! Messages, pools, and a server played by hand.

use std::time::Duration;

use chappe_smtp::{Envelope, Outcome, Pool, PoolConfig, Reply, SmtpUrl};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// A wait that is expected to run out: the peer never does what is waited for.
pub(crate) const SHORT: Duration = Duration::from_millis(100);

/// A wait that is not expected to run out: a test that fails says what it waited for.
const LONG: Duration = Duration::from_secs(20);

pub(crate) fn envelope(tag: u128) -> Envelope {
    Envelope {
        tag,
        mail_from: "bounce@sender.example".to_owned(),
        rcpt_to: format!("person{tag}@example.com"),
        data: format!("Subject: {tag}\r\n\r\n.one dot\r\n..two\r\nbye\r\n").into_bytes(),
    }
}

pub(crate) fn config(url: SmtpUrl) -> PoolConfig {
    PoolConfig {
        max_connections: 1,
        ..PoolConfig::new(url, "client.example")
    }
}

pub(crate) fn pool(url: SmtpUrl) -> Pool {
    Pool::new(config(url)).unwrap()
}

/// Sends messages 1 to `count` as one batch; the outcomes in the order of tags.
pub(crate) async fn send(pool: &Pool, count: u128) -> Vec<Outcome> {
    let mut deliveries = pool.send((1..=count).map(envelope).collect()).all().await;
    deliveries.sort_by_key(|delivery| delivery.tag);
    assert_eq!(
        deliveries.iter().map(|it| it.tag).collect::<Vec<_>>(),
        (1..=count).collect::<Vec<_>>()
    );
    deliveries.into_iter().map(|delivery| delivery.outcome).collect()
}

pub(crate) fn accepted() -> Outcome {
    Outcome::Accepted {
        response: "accepted".to_owned(),
    }
}

pub(crate) fn busy() -> Reply {
    Reply::new(451, "4.3.0", "busy")
}

pub(crate) fn never() -> Reply {
    Reply::new(550, "5.1.1", "never")
}

pub(crate) fn deferred(reply: Reply) -> Outcome {
    let Reply { code, enhanced, text } = reply;
    Outcome::Deferred { code, enhanced, text }
}

pub(crate) fn rejected(reply: Reply) -> Outcome {
    let Reply { code, enhanced, text } = reply;
    Outcome::Rejected { code, enhanced, text }
}

#[track_caller]
pub(crate) fn assert_ambiguous(outcome: &Outcome, cause: &str) {
    assert!(
        matches!(outcome, Outcome::Ambiguous { why } if why.contains(cause)),
        "{outcome:?}"
    );
}

#[track_caller]
pub(crate) fn assert_not_sent(outcome: &Outcome, cause: &str) {
    assert!(
        matches!(outcome, Outcome::NotSent { why } if why.contains(cause)),
        "{outcome:?}"
    );
}

/// A server whose every octet the test writes itself.
pub(crate) struct ByHand(TcpListener);

impl ByHand {
    pub(crate) async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn url(&self) -> SmtpUrl {
        self.url_as("")
    }

    pub(crate) fn url_as(&self, user_info: &str) -> SmtpUrl {
        format!("smtp://{user_info}{}", self.0.local_addr().unwrap())
            .parse()
            .unwrap()
    }

    pub(crate) async fn accept(&self) -> Peer {
        let accepted = timeout(LONG, self.0.accept()).await.expect("the client connects");
        Peer(BufReader::new(accepted.unwrap().0))
    }

    /// Accepts, greets and answers `EHLO` with these capabilities.
    pub(crate) async fn greet(&self, capabilities: &[&str]) -> Peer {
        let mut peer = self.accept().await;
        peer.say("220 by.hand ESMTP\r\n").await;
        peer.expect("EHLO client.example").await;
        // The first line names the server.
        peer.say("250-by.hand\r\n").await;
        for capability in capabilities {
            peer.say(&format!("250-{capability}\r\n")).await;
        }
        peer.say("250 HELP\r\n").await;
        peer
    }
}

pub(crate) struct Peer(BufReader<TcpStream>);

impl Peer {
    pub(crate) async fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    /// Every octet in a packet of its own.
    pub(crate) async fn say_slowly(&mut self, text: &str) {
        self.0.get_mut().set_nodelay(true).unwrap();
        for octet in text.bytes() {
            self.0.get_mut().write_all(&[octet]).await.unwrap();
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = timeout(LONG, self.0.read_line(&mut line)).await;
        read.expect("the client says something").unwrap();
        line.strip_suffix("\r\n").unwrap_or(&line).to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str) -> impl Future<Output = ()> {
        let (caller, line) = (std::panic::Location::caller(), line.to_owned());
        async move { assert_eq!(self.line().await, line, "at {caller}") }
    }

    /// `MAIL`, `RCPT` and `DATA` of a message, without answering.
    pub(crate) async fn expect_commands(&mut self, tag: u128) {
        assert!(self.line().await.starts_with("MAIL FROM:<bounce@sender.example>"));
        self.expect(&format!("RCPT TO:<person{tag}@example.com>")).await;
        self.expect("DATA").await;
    }

    /// A body as it travels, without its last line.
    pub(crate) async fn body(&mut self) -> String {
        let mut body = String::new();
        loop {
            let line = self.line().await;
            if line == "." {
                return body;
            }
            body += &line;
            body += "\r\n";
        }
    }

    /// Nothing has arrived that was not read.
    pub(crate) fn assert_nothing_more(&self) {
        assert_eq!(String::from_utf8_lossy(self.0.buffer()), "");
    }

    /// The client says no more and closes; what it said last.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = String::new();
        let read = timeout(LONG, self.0.read_to_string(&mut rest)).await;
        read.expect("the client closes the connection").ok();
        rest
    }
}
