//! Connections between messages, and the end of a pool.

use std::time::Duration;

use chappe_smtp::{
    Outcome, Pool, PoolConfig,
    scripted::{Script, Server, Stage},
};

use crate::support::{ByHand, SHORT, accepted, assert_ambiguous, assert_not_sent, config, envelope, pool, send};

const GO: &str = "250 ok\r\n250 ok\r\n354 go\r\n";

#[tokio::test]
async fn a_connection_is_kept_for_the_next_batch() {
    let server = Server::start(Script::new()).await;
    let pool = pool(server.url());
    for _ in 0..5 {
        assert_eq!(send(&pool, 2).await, vec![accepted(); 2]);
    }
    assert_eq!(server.reached(Stage::Greeting), 1);
}

#[tokio::test]
async fn a_connection_carries_its_share_and_no_more() {
    for script in [Script::new(), Script::new().without_pipelining()] {
        let server = Server::start(script).await;
        let config = PoolConfig {
            max_messages_per_connection: 10,
            ..config(server.url())
        };
        assert_eq!(send(&Pool::new(config).unwrap(), 35).await, vec![accepted(); 35]);
        assert_eq!(server.reached(Stage::Greeting), 4);
    }
}

#[tokio::test]
async fn a_connection_the_server_closed_meanwhile_is_replaced_unseen() {
    let server = ByHand::start().await;
    let pool = pool(server.url());
    let play = async {
        for tag in [1, 2] {
            let mut peer = server.greet(&["PIPELINING"]).await;
            peer.expect_commands(tag).await;
            peer.say(GO).await;
            peer.body().await;
            // The farewell is in the same packet as the acceptance: the client has it before it has the next message.
            peer.say("250 accepted\r\n421 4.4.2 idle for too long\r\n").await;
        }
    };
    let messages = async {
        for tag in [1, 2] {
            assert_eq!(pool.send_one(envelope(tag)).await, accepted());
        }
    };
    tokio::join!(messages, play);
}

#[tokio::test]
async fn an_idle_connection_is_given_up_with_a_goodbye() {
    let server = ByHand::start().await;
    let pool = Pool::new(PoolConfig {
        idle_timeout: SHORT,
        ..config(server.url())
    })
    .unwrap();
    let play = async {
        let mut peer = server.greet(&["PIPELINING"]).await;
        peer.expect_commands(1).await;
        peer.say(GO).await;
        peer.body().await;
        peer.say("250 accepted\r\n").await;
        peer.expect("QUIT").await;
        peer.say("221 bye\r\n").await;
        assert_eq!(peer.rest().await, "");
    };
    let (outcomes, ()) = tokio::join!(send(&pool, 1), play);
    assert_eq!(outcomes, [accepted()]);
}

#[tokio::test]
async fn closing_finishes_what_is_on_the_wire_and_gives_back_the_rest() {
    let server = ByHand::start().await;
    let pool = pool(server.url());
    let mut outcomes = pool.send((1..=3).map(envelope).collect());
    let mut peer = server.greet(&["PIPELINING"]).await;
    peer.expect_commands(1).await;
    let play = async {
        // Message 1 is under way; 2 and 3 wait and come back before it is answered.
        for tag in [2, 3] {
            let delivery = outcomes.next().await.unwrap();
            assert_eq!(delivery.tag, tag);
            assert_not_sent(&delivery.outcome, "the pool is closed");
        }
        peer.say(GO).await;
        peer.body().await;
        peer.say("250 accepted\r\n").await;
        peer.expect("QUIT").await;
        peer.say("221 bye\r\n").await;
        let delivery = outcomes.next().await.unwrap();
        assert_eq!((delivery.tag, delivery.outcome), (1, accepted()));
    };
    tokio::join!(pool.close(), play);
    assert_not_sent(&pool.send_one(envelope(4)).await, "the pool is closed");
}

#[tokio::test]
async fn closing_does_not_wait_for_a_server_that_is_silent_before_a_body() {
    let server = ByHand::start().await;
    for greets in [false, true] {
        let pool = pool(server.url());
        let mut outcomes = pool.send(vec![envelope(1)]);
        let peer = if greets {
            let mut peer = server.greet(&["PIPELINING"]).await;
            peer.expect_commands(1).await;
            peer
        } else {
            server.accept().await
        };
        pool.close().await;
        assert_not_sent(&outcomes.next().await.unwrap().outcome, "the pool is closed");
        drop(peer);
    }
}

#[tokio::test]
async fn a_message_that_waited_for_too_long_is_not_begun() {
    let server = ByHand::start().await;
    let pool = pool(server.url());
    let begin_by = tokio::time::Instant::now() + SHORT;
    let messages = async {
        let late = pool.send_one_by(envelope(1), begin_by).await;
        // The connection is kept for the next.
        (late, pool.send_one_by(envelope(2), begin_by + SHORT * 1_000).await)
    };
    let play = async {
        let mut peer = server.accept().await;
        tokio::time::timeout_at(begin_by, std::future::pending::<()>())
            .await
            .ok();
        peer.say("220 by.hand ESMTP\r\n").await;
        peer.expect("EHLO client.example").await;
        peer.say("250-by.hand\r\n250 PIPELINING\r\n").await;
        peer.expect_commands(2).await;
        peer.say(GO).await;
        peer.body().await;
        peer.say("250 accepted\r\n").await;
    };
    let (outcomes, ()) = tokio::join!(messages, play);
    assert_eq!(outcomes, (Outcome::Late, accepted()));
}

#[tokio::test]
async fn dropping_the_pool_reports_every_message() {
    let server = ByHand::start().await;
    let pool = pool(server.url());
    let outcomes = pool.send((1..=3).map(envelope).collect());
    let mut peer = server.greet(&["PIPELINING"]).await;
    peer.expect_commands(1).await;
    peer.say(GO).await;
    peer.body().await;
    drop(pool);
    let mut deliveries = outcomes.all().await;
    deliveries.sort_by_key(|delivery| delivery.tag);
    assert_ambiguous(&deliveries[0].outcome, "the pool was dropped");
    assert_not_sent(&deliveries[1].outcome, "the pool was dropped");
    assert_not_sent(&deliveries[2].outcome, "the pool was dropped");
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_sent() {
    let server = ByHand::start().await;
    let pool = pool(server.url());
    let mut first = pool.send(vec![envelope(1)]);
    let mut peer = server.greet(&["PIPELINING"]).await;
    peer.expect_commands(1).await;
    drop(pool.send(vec![envelope(2)]));
    let third = pool.send(vec![envelope(3)]);
    peer.say(GO).await;
    peer.body().await;
    peer.expect_commands(3).await;
    peer.say("250 accepted\r\n").await;
    assert_eq!(first.next().await.unwrap().outcome, accepted());
    drop(peer);
    drop(third);
}

#[tokio::test]
async fn outcomes_are_known_one_by_one_and_taken_in_bulk() {
    let server = Server::start(Script::new()).await;
    let pool = pool(server.url());
    let mut outcomes = pool.send((0..100).map(envelope).collect());
    let mut tags = Vec::new();
    loop {
        let known = outcomes.next_many(30).await;
        assert!(known.len() <= 30);
        if known.is_empty() {
            break;
        }
        assert!(known.iter().all(|it| matches!(it.outcome, Outcome::Accepted { .. })));
        tags.extend(known.iter().map(|it| it.tag));
    }
    assert_eq!(tags, (0..100).collect::<Vec<_>>(), "one connection keeps the order");
}

#[test]
fn a_name_that_could_end_its_command_is_refused() {
    let url: chappe_smtp::SmtpUrl = "smtp://localhost".parse().unwrap();
    for name in ["", "a b", "a\r\nMAIL", "a\0"] {
        assert!(Pool::new(PoolConfig::new(url.clone(), name)).is_err(), "{name:?}");
    }
    assert!(Pool::new(PoolConfig::new(url, "[127.0.0.1]")).is_ok());
    // Shorter than what RFC 5321 §4.5.3.2.6 asks for doubles deliveries.
    let defaults = PoolConfig::new("smtp://localhost".parse().unwrap(), "a");
    assert_eq!(defaults.reply_timeout, Duration::from_mins(10));
}
