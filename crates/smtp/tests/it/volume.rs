//! Many messages, all the same to the octet.

use std::collections::BTreeMap;

use chappe_smtp::{
    Envelope, Outcome, Pool, PoolConfig,
    scripted::{Action, Script, Server, Stage},
};

use crate::support::{accepted, busy, config, envelope};

/// Bodies with what may go wrong: dots at line starts, dots alone, lines beyond 998 octets, empty ones, 8-bit content,
/// and sizes around the buffers' own.
fn body(tag: u128) -> Vec<u8> {
    let n = usize::try_from(tag).unwrap();
    let mut body = format!("Subject: {tag}\r\n\r\n.\r\n..\r\n.dot {tag}\r\n\r\n").into_bytes();
    body.extend(".".repeat(n % 7).bytes());
    body.extend("ü".repeat(n * 37 % 3_000).bytes());
    body.extend(b"\r\n".repeat(n % 3 + 1));
    body.extend(format!(".{}\r\n", "x".repeat(n * 131 % 70_000)).bytes());
    body
}

fn message(tag: u128) -> Envelope {
    Envelope {
        data: body(tag),
        ..envelope(tag)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_messages_over_four_connections_arrive_once_and_unchanged() {
    let server = Server::start(Script::new()).await;
    let pool = Pool::new(PoolConfig::new(server.url(), "client.example")).unwrap();
    // Several batches at once, as the delivery loop has them.
    let batches: Vec<_> = (0..10u128)
        .map(|batch| pool.send((batch * 100..batch * 100 + 100).map(message).collect()))
        .collect();
    for batch in batches {
        let deliveries = batch.all().await;
        assert_eq!(deliveries.len(), 100);
        assert!(deliveries.iter().all(|delivery| delivery.outcome == accepted()));
    }
    pool.close().await;

    let received = server.received();
    assert_eq!(received.len(), 1_000);
    let by_recipient: BTreeMap<_, _> = received
        .into_iter()
        .map(|it| (it.rcpt_to[0].clone(), it.data))
        .collect();
    for tag in 0..1_000 {
        let arrived = &by_recipient[&envelope(tag).rcpt_to];
        assert!(*arrived == body(tag), "message {tag} changed on its way");
    }
}

/// Every fault there is, at prime intervals, under load: whatever the outcome says is what the server knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn among_faults_every_outcome_is_true() {
    let faults = [
        (Stage::Mail, Action::HangUp, 17),
        (Stage::Rcpt, Action::Reply(busy()), 23),
        (Stage::Data, Action::HangUp, 29),
        (Stage::Message, Action::LoseReply, 31),
        (Stage::Message, Action::HangUp, 37),
        (Stage::Message, Action::Reply(busy()), 41),
    ];
    let script = faults.iter().fold(Script::new(), |script, (stage, action, interval)| {
        (1..1_000 / interval).fold(script, |script, k| script.nth(k * interval, *stage, action.clone()))
    });
    let server = Server::start(script).await;
    let pool = Pool::new(PoolConfig::new(server.url(), "client.example")).unwrap();
    let deliveries = pool.send((0..600).map(envelope).collect()).all().await;
    assert_eq!(deliveries.len(), 600);

    let mut arrivals = BTreeMap::<String, u32>::new();
    for message in server.received() {
        *arrivals.entry(message.rcpt_to[0].clone()).or_default() += 1;
    }
    let mut kinds = BTreeMap::<&str, u32>::new();
    for delivery in deliveries {
        let arrived = arrivals
            .get(&envelope(delivery.tag).rcpt_to)
            .copied()
            .unwrap_or_default();
        let (kind, allowed) = match delivery.outcome {
            Outcome::Accepted { .. } => ("accepted", 1..=1),
            Outcome::Ambiguous { .. } => ("ambiguous", 0..=1),
            Outcome::Deferred { .. } => ("deferred", 0..=0),
            Outcome::NotSent { .. } => ("not sent", 0..=0),
            other => panic!("{other:?}"),
        };
        assert!(allowed.contains(&arrived), "{kind}, and it arrived {arrived} times");
        *kinds.entry(kind).or_default() += 1;
    }
    assert!(
        kinds["accepted"] > 400 && kinds["ambiguous"] > 10 && kinds["deferred"] > 10,
        "{kinds:?}"
    );
}

#[tokio::test]
async fn an_empty_body_and_one_without_a_last_line_end_arrive() {
    let server = Server::start(Script::new()).await;
    let pool = Pool::new(config(server.url())).unwrap();
    for data in [&b""[..], b"no end", b"."] {
        let outcome = pool
            .send_one(Envelope {
                data: data.to_vec(),
                ..envelope(1)
            })
            .await;
        assert_eq!(outcome, accepted());
    }
    let bodies: Vec<_> = server.received().into_iter().map(|it| it.data).collect();
    assert_eq!(bodies, [&b""[..], b"no end\r\n", b".\r\n"]);
}
