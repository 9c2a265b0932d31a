//! What a fault of the server makes of a message: the exact outcome, and whether the server has it.

use chappe_smtp::{
    Envelope, Outcome, Pool, PoolConfig, Reply,
    scripted::{Action, Script, Server, Stage},
};

use crate::support::{
    ByHand, SHORT, accepted, assert_ambiguous, assert_not_sent, busy, config, deferred, envelope, never, pool,
    rejected, send,
};

/// Three messages over one connection, the fault meets the second. With and without PIPELINING.
async fn second_of_three(stage: Stage, action: Action) -> [(Server, Outcome); 2] {
    let script = Script::new().nth(2, stage, action);
    [
        outcome_of_second(script.clone()).await,
        outcome_of_second(script.without_pipelining()).await,
    ]
}

async fn outcome_of_second(script: Script) -> (Server, Outcome) {
    let server = Server::start(script).await;
    let outcomes = send(&pool(server.url()), 3).await;
    assert_eq!(
        [&outcomes[0], &outcomes[2]],
        [&accepted(), &accepted()],
        "the others are not concerned"
    );
    (server, outcomes[1].clone())
}

fn recipients(server: &Server) -> Vec<String> {
    server
        .received()
        .into_iter()
        .flat_map(|message| message.rcpt_to)
        .collect()
}

const FIRST_AND_THIRD: [&str; 2] = ["person1@example.com", "person3@example.com"];

#[tokio::test]
async fn a_refusal_at_any_stage_is_the_messages_own() {
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Message] {
        for (reply, expected) in [(busy(), deferred(busy())), (never(), rejected(never()))] {
            for (server, outcome) in second_of_three(stage, Action::Reply(reply)).await {
                assert_eq!(outcome, expected, "{stage:?}");
                assert_eq!(recipients(&server), FIRST_AND_THIRD, "{stage:?}");
                assert_eq!(server.reached(Stage::Greeting), 1, "{stage:?}: the connection goes on");
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_hits_only_the_recipient_it_names() {
    let script = Script::new().to("person2@example.com", Stage::Rcpt, Action::Reply(never()));
    let server = Server::start(script).await;
    let pool = Pool::new(PoolConfig::new(server.url(), "client.example")).unwrap();
    let outcomes = send(&pool, 20).await;
    let refused: Vec<_> = (1..)
        .zip(&outcomes)
        .filter(|(_, outcome)| **outcome != accepted())
        .collect();
    assert_eq!(refused, [(2, &rejected(never()))]);
}

#[tokio::test]
async fn permission_for_a_refused_recipient_sends_nothing() {
    let script = Script::new().nth(2, Stage::Rcpt, Action::Reply(never())).nth(
        2,
        Stage::Data,
        Action::Reply(Reply::plain(354, "all the same")),
    );
    let (server, outcome) = outcome_of_second(script).await;
    assert_eq!(outcome, rejected(never()));
    assert_eq!(recipients(&server), FIRST_AND_THIRD);
    assert_eq!(server.reached(Stage::Greeting), 1);
}

#[tokio::test]
async fn a_connection_lost_before_the_body_is_replaced_if_it_had_worked() {
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data] {
        for (server, outcome) in second_of_three(stage, Action::HangUp).await {
            assert_eq!(outcome, accepted(), "{stage:?}");
            assert_eq!(server.received().len(), 3, "{stage:?}");
            assert_eq!(server.reached(Stage::Greeting), 2, "{stage:?}");
        }
    }
}

#[tokio::test]
async fn a_connection_lost_before_the_first_body_is_not_sent() {
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data] {
        let server = Server::start(Script::new().at(stage, Action::HangUp)).await;
        for outcome in send(&pool(server.url()), 3).await {
            assert_not_sent(&outcome, "the SMTP server closed the connection");
        }
        assert_eq!(server.received(), []);
        assert_eq!(
            server.reached(Stage::Greeting),
            3,
            "{stage:?}: every message is tried once"
        );
    }
}

#[tokio::test]
async fn a_replaced_connection_that_is_lost_too_is_not_replaced_again() {
    let script = Script::new()
        .nth(2, Stage::Mail, Action::HangUp)
        .nth(3, Stage::Mail, Action::HangUp);
    let (server, outcome) = outcome_of_second(script).await;
    assert_not_sent(&outcome, "closed the connection");
    assert_eq!(recipients(&server), FIRST_AND_THIRD);
}

#[tokio::test]
async fn a_lost_reply_to_the_final_dot_is_ambiguous_whether_or_not_the_message_arrived() {
    for (server, outcome) in second_of_three(Stage::Message, Action::LoseReply).await {
        assert_ambiguous(&outcome, "closed the connection");
        assert_eq!(server.received().len(), 3, "it arrived");
    }
    for (server, outcome) in second_of_three(Stage::Message, Action::HangUp).await {
        assert_ambiguous(&outcome, "closed the connection");
        assert_eq!(recipients(&server), FIRST_AND_THIRD, "it did not arrive");
    }
}

#[tokio::test]
async fn a_hang_up_while_the_body_is_on_its_way_is_ambiguous() {
    let go = Reply::plain(354, "go");
    for (server, outcome) in second_of_three(Stage::Data, Action::ReplyThenClose(go)).await {
        assert!(matches!(outcome, Outcome::Ambiguous { .. }), "{outcome:?}");
        assert_eq!(recipients(&server), FIRST_AND_THIRD);
    }
}

#[tokio::test]
async fn an_acceptance_counts_though_the_connection_is_closed_after_it() {
    let last = Action::ReplyThenClose(Reply::accepted());
    for (server, outcome) in second_of_three(Stage::Message, last).await {
        assert_eq!(outcome, accepted());
        assert_eq!(server.received().len(), 3, "the third goes over another connection");
        assert_eq!(server.reached(Stage::Greeting), 2);
    }
}

#[tokio::test]
async fn a_421_to_the_body_defers_the_message_and_spares_the_next() {
    let reply = Reply::new(421, "4.3.2", "going down");
    for (server, outcome) in second_of_three(Stage::Message, Action::ReplyThenClose(reply.clone())).await {
        assert_eq!(outcome, deferred(reply.clone()));
        assert_eq!(recipients(&server), FIRST_AND_THIRD);
    }
}

#[tokio::test]
async fn a_421_to_a_command_means_the_connection_and_a_fresh_one_is_tried() {
    let reply = Reply::new(421, "4.7.0", "enough for one connection");
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data] {
        for (server, outcome) in second_of_three(stage, Action::ReplyThenClose(reply.clone())).await {
            assert_eq!(outcome, accepted(), "{stage:?}");
            assert_eq!(server.received().len(), 3);
        }
        let server = Server::start(Script::new().at(stage, Action::ReplyThenClose(reply.clone()))).await;
        assert_eq!(
            send(&pool(server.url()), 1).await,
            [deferred(reply.clone())],
            "{stage:?}"
        );
    }
}

#[tokio::test]
async fn silence_before_the_body_is_not_sent() {
    for stage in [Stage::Greeting, Stage::Ehlo, Stage::Mail, Stage::Rcpt, Stage::Data] {
        let server = Server::start(Script::new().at(stage, Action::Stall)).await;
        let mut config = config(server.url());
        if stage == Stage::Data {
            config.data_timeout = SHORT;
        } else {
            config.command_timeout = SHORT;
        }
        let outcomes = send(&Pool::new(config).unwrap(), 1).await;
        assert_not_sent(&outcomes[0], "silent for 100ms");
    }
}

#[tokio::test]
async fn silence_after_the_body_is_ambiguous_and_the_next_message_goes_elsewhere() {
    for script in [Script::new(), Script::new().without_pipelining()] {
        let server = Server::start(script.nth(1, Stage::Message, Action::Stall)).await;
        let config = PoolConfig {
            reply_timeout: SHORT,
            ..config(server.url())
        };
        let outcomes = send(&Pool::new(config).unwrap(), 2).await;
        assert_ambiguous(&outcomes[0], "silent for 100ms");
        assert_eq!(outcomes[1], accepted());
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_leaves_all_unsent() {
    let url = ByHand::start().await.url();
    for outcome in send(&pool(url), 5).await {
        assert_not_sent(&outcome, "the SMTP server cannot be reached");
    }
}

#[tokio::test]
async fn a_server_that_turns_everybody_away_leaves_all_unsent() {
    let full = Reply::new(421, "4.7.0", "full");
    for (stage, step) in [(Stage::Greeting, "connecting"), (Stage::Ehlo, "EHLO")] {
        let server = Server::start(Script::new().at(stage, Action::ReplyThenClose(full.clone()))).await;
        for outcome in send(&pool(server.url()), 5).await {
            assert_not_sent(&outcome, &format!("answered 421 4.7.0 full to {step}"));
        }
        assert_eq!(
            server.reached(Stage::Greeting),
            1,
            "one answer speaks for all that wait"
        );
    }
}

#[tokio::test]
async fn a_server_that_limits_connections_gets_all_over_those_it_allows() {
    let full = Action::ReplyThenClose(Reply::new(421, "4.7.0", "one is enough"));
    let script = (2..=4).fold(Script::new(), |script, n| script.nth(n, Stage::Greeting, full.clone()));
    let server = Server::start(script).await;
    let pool = Pool::new(PoolConfig::new(server.url(), "client.example")).unwrap();
    assert_eq!(send(&pool, 50).await, vec![accepted(); 50]);
    assert_eq!(server.received().len(), 50);
}

#[tokio::test]
async fn helo_serves_where_ehlo_is_unknown() {
    let server = Server::start(Script::new().at(Stage::Ehlo, Action::Reply(Reply::plain(502, "what?")))).await;
    assert_eq!(send(&pool(server.url()), 3).await, vec![accepted(); 3]);
    assert_eq!(server.reached(Stage::Helo), 1);
}

#[tokio::test]
async fn what_the_server_does_not_take_is_rejected_without_asking() {
    let server = Server::start(Script::new().max_message(1_000)).await;
    let pool = pool(server.url());
    let large = Envelope {
        data: vec![b'x'; 1_001],
        ..envelope(1)
    };
    let too_large = Reply::new(552, "5.3.4", "the message has 1001 octets and the server takes 1000");
    assert_eq!(pool.send_one(large).await, rejected(too_large));
    assert_eq!(server.reached(Stage::Mail), 0);

    let server = Server::start(Script::new().at(Stage::Ehlo, Action::Reply(Reply::plain(502, "what?")))).await;
    let pool = crate::support::pool(server.url());
    let eight_bit = Envelope {
        data: "grüß\r\n".into(),
        ..envelope(1)
    };
    let utf8 = Envelope {
        rcpt_to: "jörg@example.com".to_owned(),
        ..envelope(2)
    };
    assert!(matches!(
        pool.send_one(eight_bit).await,
        Outcome::Rejected { code: 554, .. }
    ));
    assert!(matches!(pool.send_one(utf8).await, Outcome::Rejected { code: 553, .. }));
    assert_eq!(pool.send_one(envelope(3)).await, accepted());
    assert_eq!(server.reached(Stage::Mail), 1);
}

#[tokio::test]
async fn what_must_not_reach_the_wire_does_not() {
    let server = Server::start(Script::new()).await;
    let injected = Envelope {
        rcpt_to: "a@b.example>\r\nRCPT TO:<c@d.example".to_owned(),
        ..envelope(1)
    };
    let forged = Envelope {
        mail_from: "a@b.example\r\nDATA".to_owned(),
        ..envelope(2)
    };
    let smuggled = Envelope {
        data: b"a\n.\nMAIL FROM:<x@y.example>\r\n".to_vec(),
        ..envelope(3)
    };
    let bounce = Envelope {
        mail_from: String::new(),
        ..envelope(4)
    };
    let deliveries = pool(server.url())
        .send(vec![injected, forged, smuggled, bounce])
        .all()
        .await;
    for (delivery, part) in deliveries
        .iter()
        .zip(["recipient's address", "sender's address", "octet 1 of the body"])
    {
        assert!(
            matches!(&delivery.outcome, Outcome::Invalid { why } if why.contains(part)),
            "{delivery:?}"
        );
    }
    assert_eq!(deliveries[3].outcome, accepted());
    assert_eq!(server.received().len(), 1);
}
