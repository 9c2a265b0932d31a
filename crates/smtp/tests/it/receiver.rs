//! The receiver, spoken to by hand.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use chappe_smtp::{Handler, Received, Receiver, Reply};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinSet,
};

#[derive(Default)]
struct Mailbox(Mutex<Vec<Received>>);

impl Handler for Mailbox {
    async fn on_message(&self, message: Received) -> Reply {
        let id = message.id;
        self.0.lock().unwrap().push(message);
        Reply::new(250, "2.0.0", format!("kept as {id}"))
    }
}

struct Running {
    address: SocketAddr,
    mailbox: Arc<Mailbox>,
    stop: oneshot::Sender<()>,
    serving: JoinSet<()>,
}

async fn start(adjust: impl FnOnce(Receiver) -> Receiver) -> Running {
    let receiver = adjust(Receiver::bind("127.0.0.1:0").await.unwrap().hostname("mx.test"));
    let (address, mailbox) = (receiver.local_addr().unwrap(), Arc::<Mailbox>::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let mut serving = JoinSet::new();
    let handler = Arc::clone(&mailbox);
    serving.spawn(receiver.serve(handler, async move { drop(stopped.await) }));
    Running {
        address,
        mailbox,
        stop,
        serving,
    }
}

/// Says everything at once; all replies, up to the end of the connection.
async fn converse(server: &Running, text: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(text).await.unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).await.unwrap();
    replies
}

fn codes(replies: &str) -> Vec<&str> {
    replies
        .lines()
        .filter(|line| line.as_bytes()[3] == b' ')
        .map(|line| &line[..3])
        .collect()
}

#[tokio::test]
async fn a_pipelined_session_is_answered_in_order() {
    let server = start(|it| it).await;
    let replies = converse(
        &server,
        b"EHLO me\r\nMAIL FROM:<a@b.example> SIZE=10\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<e@f.example>\r\nDATA\r\n\
          ..dot\r\nbody\r\n.\r\nNOOP\r\nVRFY c\r\nRSET\r\nQUIT\r\n",
    )
    .await;
    let expected = "220 mx.test ESMTP\r\n\
        250-mx.test\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n\
        250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n250 2.1.5 recipient ok\r\n\
        354 end with a dot on a line of its own\r\n250 2.0.0 kept as 1\r\n\
        250 2.0.0 done nothing\r\n252 2.5.0 try to send to it\r\n250 2.0.0 forgotten\r\n221 2.0.0 goodbye\r\n";
    assert_eq!(replies, expected);
    let received = server.mailbox.0.lock().unwrap();
    assert_eq!(
        received[..],
        [Received {
            id: 1,
            mail_from: "a@b.example".to_owned(),
            rcpt_to: vec!["c@d.example".to_owned(), "e@f.example".to_owned()],
            data: b".dot\r\nbody\r\n".to_vec(),
        }]
    );
}

#[tokio::test]
async fn commands_out_of_order_are_refused() {
    let server = start(|it| it).await;
    let replies = converse(
        &server,
        b"MAIL FROM:<a@b.example>\r\nHELO me\r\nRCPT TO:<a@b.example>\r\nDATA\r\nMAIL FROM:<a@b.example>\r\n\
          MAIL FROM:<a@b.example>\r\nDATA\r\nRCPT TO:<nobody>\r\nSTARTTLS\r\nHELLO\r\nQUIT\r\n",
    )
    .await;
    assert_eq!(
        codes(&replies),
        [
            "220", "503", "250", "503", "503", "250", "503", "503", "501", "502", "500", "221"
        ]
    );
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_refused_before_and_after() {
    let server = start(|it| it.max_message(100)).await;
    let large = "x".repeat(300_000);
    let text = format!(
        "EHLO me\r\nMAIL FROM:<a@b.example> SIZE=101\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n\
         {large}\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\nsmall\r\n.\r\nQUIT\r\n"
    );
    let replies = converse(&server, text.as_bytes()).await;
    let expected = [
        "220", "250", "552", "250", "250", "354", "552", "250", "250", "354", "250", "221",
    ];
    assert_eq!(codes(&replies), expected);
    assert_eq!(server.mailbox.0.lock().unwrap()[0].data, b"small\r\n");
}

#[tokio::test]
async fn endless_lines_and_endless_errors_end_the_session() {
    let server = start(|it| it).await;
    assert_eq!(codes(&converse(&server, &[b'x'; 5_000]).await), ["220", "500"]);
    let replies = converse(&server, "what\r\n".repeat(50).as_bytes()).await;
    assert_eq!(codes(&replies).len(), 22);
    assert!(replies.ends_with("421 4.7.0 too many errors\r\n"), "{replies}");
}

#[tokio::test]
async fn a_second_message_cannot_hide_in_the_first() {
    let server = start(|it| it).await;
    let hidden = "MAIL FROM:<x@y.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\nhidden\r\n";
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r\n"] {
        let text = format!(
            "EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\nseen{end}{hidden}.\r\nQUIT\r\n"
        );
        assert_eq!(
            codes(&converse(&server, text.as_bytes()).await),
            ["220", "250", "250", "250", "354", "250", "221"]
        );
    }
    assert_eq!(server.mailbox.0.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_stop_lets_the_message_in_transfer_finish() {
    let mut server = start(|it| it).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    let mut replies = vec![0; 1_000];
    busy.write_all(b"HELO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\nhalf")
        .await
        .unwrap();
    let mut seen = String::new();
    while !seen.contains("354 ") {
        let length = busy.read(&mut replies).await.unwrap();
        seen += &String::from_utf8_lossy(&replies[..length]);
    }
    server.stop.send(()).unwrap();

    let mut farewell = String::new();
    idle.read_to_string(&mut farewell).await.unwrap();
    assert_eq!(codes(&farewell), ["220", "421"]);
    drop(idle);
    busy.write_all(b" and half\r\n.\r\n").await.unwrap();
    let mut farewell = String::new();
    busy.read_to_string(&mut farewell).await.unwrap();
    assert_eq!(codes(&farewell), ["250", "421"]);
    drop(busy);
    server.serving.join_next().await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    assert_eq!(server.mailbox.0.lock().unwrap()[0].data, b"half and half\r\n");
}
