//! What goes over the wire, and in which order.

use chappe_smtp::{Envelope, Outcome};

use crate::support::{
    ByHand, accepted, assert_ambiguous, assert_not_sent, busy, deferred, envelope, never, pool, rejected, send,
};

const GO: &str = "250 ok\r\n250 ok\r\n354 go\r\n";

#[tokio::test]
async fn the_commands_of_the_next_message_travel_with_the_body() {
    let server = ByHand::start().await;
    let pool = pool(server.url());
    let play = async {
        let mut peer = server.greet(&["PIPELINING", "SIZE 1000", "8BITMIME"]).await;
        peer.expect_commands(1).await;
        peer.assert_nothing_more();
        peer.say(GO).await;
        assert_eq!(peer.body().await, "Subject: 1\r\n\r\n..one dot\r\n...two\r\nbye\r\n");
        // Not answered yet, and the next is here already.
        peer.expect(&format!(
            "MAIL FROM:<bounce@sender.example> SIZE={}",
            envelope(2).data.len()
        ))
        .await;
        peer.expect("RCPT TO:<person2@example.com>").await;
        peer.expect("DATA").await;
        peer.assert_nothing_more();
        peer.say("250 2.0.0 first\r\n").await;
        peer.say(GO).await;
        peer.body().await;
        peer.say("250 2.0.0 second\r\n").await;
    };
    let (outcomes, ()) = tokio::join!(send(&pool, 2), play);
    let response = |text: &str| Outcome::Accepted {
        response: text.to_owned(),
    };
    assert_eq!(outcomes, [response("first"), response("second")]);
}

#[tokio::test]
async fn without_the_capability_every_command_waits() {
    let server = ByHand::start().await;
    let pool = pool(server.url());
    let play = async {
        let mut peer = server.greet(&["8BITMIME"]).await;
        for tag in [1, 2] {
            peer.expect("MAIL FROM:<bounce@sender.example>").await;
            peer.assert_nothing_more();
            peer.say("250 ok\r\n").await;
            peer.expect(&format!("RCPT TO:<person{tag}@example.com>")).await;
            peer.assert_nothing_more();
            peer.say("250 ok\r\n").await;
            peer.expect("DATA").await;
            peer.assert_nothing_more();
            peer.say("354 go\r\n").await;
            peer.body().await;
            peer.assert_nothing_more();
            peer.say("250 accepted\r\n").await;
        }
    };
    let (outcomes, ()) = tokio::join!(send(&pool, 2), play);
    assert_eq!(outcomes, [accepted(), accepted()]);
}

#[tokio::test]
async fn a_refused_transaction_is_reset_before_the_next() {
    let server = ByHand::start().await;
    let pool = pool(server.url());
    let play = async {
        let mut peer = server.greet(&["PIPELINING"]).await;
        // A refused sender opens no transaction.
        peer.expect_commands(1).await;
        peer.say("550 5.1.1 never\r\n503 no\r\n503 no\r\n").await;
        peer.expect_commands(2).await;
        peer.say("250 ok\r\n451 4.3.0 busy\r\n554 no\r\n").await;
        peer.expect("RSET").await;
        peer.expect_commands(3).await;
        peer.say("250 reset\r\n").await;
        peer.say(GO).await;
        peer.body().await;
        peer.say("250 accepted\r\n").await;
    };
    let (outcomes, ()) = tokio::join!(send(&pool, 3), play);
    assert_eq!(outcomes, [rejected(never()), deferred(busy()), accepted()]);
}

#[tokio::test]
async fn replies_are_read_however_they_are_cut() {
    let server = ByHand::start().await;
    let pool = pool(server.url());
    let play = async {
        let mut peer = server.accept().await;
        peer.say_slowly("220-welcome\r\n220 by hand\r\n").await;
        peer.line().await;
        peer.say_slowly("250-by hand\r\n250 PIPELINING\r\n").await;
        peer.expect_commands(1).await;
        peer.say_slowly("250-2.1.0 sender\r\n250 2.1.0 ok\r\n250 ok\r\n354 go\r\n")
            .await;
        peer.body().await;
        peer.expect_commands(2).await;
        // The end of one message and the whole of the next group in one packet.
        peer.say(
            "250-2.0.0 acc\r\n250 2.0.0 epted\r\n250 ok\r\n550-5.1.1 ne\r\n550-5.1.1 v\r\n550 5.1.1 er\r\n554 no\r\n",
        )
        .await;
    };
    let (outcomes, ()) = tokio::join!(send(&pool, 2), play);
    assert_eq!(
        outcomes[0],
        Outcome::Accepted {
            response: "acc\nepted".to_owned()
        }
    );
    assert!(
        matches!(&outcomes[1], Outcome::Rejected { code: 550, text, .. } if text == "ne\nv\ner"),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn the_body_of_one_message_does_not_make_the_next_ambiguous() {
    let server = ByHand::start().await;
    let pool = pool(server.url());
    let play = async {
        let mut peer = server.greet(&["PIPELINING"]).await;
        peer.expect_commands(1).await;
        peer.say(GO).await;
        peer.body().await;
        peer.expect_commands(2).await;
        drop(peer);
        let mut peer = server.greet(&["PIPELINING"]).await;
        peer.expect_commands(2).await;
        drop(peer);
    };
    let (outcomes, ()) = tokio::join!(send(&pool, 2), play);
    assert_ambiguous(&outcomes[0], "the SMTP server closed the connection");
    assert_not_sent(&outcomes[1], "the SMTP server closed the connection");
}

#[tokio::test]
async fn a_refusal_known_before_the_connection_is_lost_stands() {
    let server = ByHand::start().await;
    let pool = pool(server.url());
    let play = async {
        let mut peer = server.greet(&["PIPELINING"]).await;
        peer.expect_commands(1).await;
        peer.say("250 ok\r\n550 5.1.1 never\r\n").await;
    };
    let (outcomes, ()) = tokio::join!(send(&pool, 1), play);
    assert_eq!(outcomes, [rejected(never())]);
}

#[tokio::test]
async fn nonsense_for_a_reply_is_ambiguous_only_after_the_body() {
    for nonsense in ["what?\r\n", "354 more\r\n", "220 hello again\r\n250\r\n"] {
        let server = ByHand::start().await;
        let pool = pool(server.url());
        let play = async {
            let mut peer = server.greet(&[]).await;
            peer.line().await;
            peer.say("354 go on\r\n").await;
            assert_eq!(peer.rest().await, "", "the client leaves at once");
            let mut peer = server.greet(&["PIPELINING"]).await;
            peer.expect_commands(2).await;
            peer.say(GO).await;
            peer.body().await;
            peer.say(nonsense).await;
            peer.rest().await;
        };
        let (outcomes, ()) = tokio::join!(send(&pool, 2), play);
        assert_not_sent(&outcomes[0], "answered 354 go on where that is no answer");
        // A 2xx is a 2xx: a server that answers 220 has taken the message.
        match nonsense {
            "what?\r\n" => assert_ambiguous(&outcomes[1], "not an SMTP reply"),
            "354 more\r\n" => assert_ambiguous(&outcomes[1], "no answer"),
            _ => assert!(matches!(outcomes[1], Outcome::Accepted { .. })),
        }
    }
}

#[tokio::test]
async fn the_reason_for_breaking_off_a_body_is_heard() {
    let server = ByHand::start().await;
    let pool = pool(server.url());
    let large = Envelope {
        // More than the socket's buffers hold, so that the write is under way when the server leaves.
        data: b"0123456789abcde\r\n".repeat(2_000_000),
        ..envelope(1)
    };
    let play = async {
        let mut peer = server.greet(&["PIPELINING"]).await;
        peer.expect_commands(1).await;
        peer.say(GO).await;
        peer.line().await;
        peer.say("552 5.3.4 too much\r\n").await;
    };
    let (outcome, ()) = tokio::join!(pool.send_one(large), play);
    assert!(matches!(outcome, Outcome::Rejected { code: 552, .. }), "{outcome:?}");
}

#[tokio::test]
async fn addresses_and_bodies_beyond_ascii_are_declared() {
    let server = ByHand::start().await;
    let pool = pool(server.url());
    let message = Envelope {
        rcpt_to: "jörg@bücher.example".to_owned(),
        data: "grüß dich\r\n".into(),
        ..envelope(1)
    };
    let play = async {
        let mut peer = server.greet(&["PIPELINING", "8BITMIME", "SMTPUTF8"]).await;
        peer.expect("MAIL FROM:<bounce@sender.example> BODY=8BITMIME SMTPUTF8")
            .await;
        peer.expect("RCPT TO:<jörg@bücher.example>").await;
        peer.expect("DATA").await;
        peer.say(GO).await;
        assert_eq!(peer.body().await, "grüß dich\r\n");
        peer.say("250 accepted\r\n").await;
    };
    let (outcome, ()) = tokio::join!(pool.send_one(message), play);
    assert_eq!(outcome, accepted());
}

#[tokio::test]
async fn credentials_are_sent_as_auth_plain() {
    let server = ByHand::start().await;
    let pool = pool(server.url_as("me:p%40ss@"));
    let play = async {
        let mut peer = server.greet(&["PIPELINING", "AUTH LOGIN PLAIN"]).await;
        peer.expect("AUTH PLAIN AG1lAHBAc3M=").await;
        peer.say("235 2.7.0 welcome\r\n").await;
        peer.expect_commands(1).await;
        peer.say(GO).await;
        peer.body().await;
        peer.say("250 accepted\r\n").await;
    };
    let (outcomes, ()) = tokio::join!(send(&pool, 1), play);
    assert_eq!(outcomes, [accepted()]);
}

#[tokio::test]
async fn a_refused_login_leaves_all_unsent() {
    for (capability, fault) in [("AUTH PLAIN", "535 5.7.8 who?"), ("AUTH CRAM-MD5", "no AUTH PLAIN")] {
        let server = ByHand::start().await;
        let pool = pool(server.url_as("me:secret@"));
        let play = async {
            let mut peer = server.greet(&[capability]).await;
            if capability == "AUTH PLAIN" {
                peer.line().await;
                peer.say("535 5.7.8 who?\r\n").await;
            }
            assert_eq!(peer.rest().await, "");
        };
        let (outcomes, ()) = tokio::join!(send(&pool, 2), play);
        for outcome in outcomes {
            assert_not_sent(&outcome, fault);
        }
    }
}
