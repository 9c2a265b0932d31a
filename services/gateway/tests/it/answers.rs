//! What every answer has in common.

use chappe_proto::ingestion::UpdateProfilesRequest;

use crate::support::{APP_KEY, Gateway, PROJECT_KEY, REST_KEY, Rest, people};

#[tokio::test]
async fn a_good_request_id_is_repeated_and_a_bad_one_replaced() {
    let gateway = Gateway::new();
    let send = async |id: &str| {
        let reply = gateway.send(Rest::get("/2.9/none").header("x-request-id", id)).await;
        reply.header("x-request-id").to_owned()
    };
    assert_eq!(send("abc-1").await, "abc-1");
    assert_eq!(send(&"x".repeat(64)).await, "x".repeat(64));
    for bad in ["", "two words", &"x".repeat(65)] {
        let minted = send(bad).await;
        assert!(minted.parse::<uuid::Uuid>().is_ok(), "{minted}");
    }
}

#[tokio::test]
async fn headers_and_paths_are_read_kindly() {
    let gateway = Gateway::new();
    let body = people(1);
    for path in [
        "/2.9/profiles/update",
        "/2.9/profiles/update/",
        "/2.999/profiles/update",
        "/2.0-alpha/profiles/update",
    ] {
        let rest = Rest::post(path)
            .header("authorization", &format!("bearer   {REST_KEY}"))
            .header("x-batch-project", PROJECT_KEY)
            .body(body.clone());
        gateway.send(rest).await.is(202, r#"{"code":"SUCCESS"}"#);
    }
    let either = Rest::post("/2.9/profiles/update")
        .key()
        .header("x-batch-project", PROJECT_KEY);
    gateway
        .send(either.body(body.clone()))
        .await
        .is(202, r#"{"code":"SUCCESS"}"#);
}

#[tokio::test]
async fn peers_hear_of_the_time_left_and_of_the_trace() {
    let gateway = Gateway::new();
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let rest = Rest::post("/2.9/profiles/update").project().body(people(1));
    gateway.send(rest.header("traceparent", traceparent)).await;
    let calls = gateway.mesh.calls::<UpdateProfilesRequest>("UpdateProfiles");
    assert_eq!(calls[0].headers["traceparent"], traceparent);
    let timeout = calls[0].headers["grpc-timeout"].to_str().unwrap();
    let millis: u64 = timeout.strip_suffix('m').unwrap().parse().unwrap();
    assert!((1..=30_000).contains(&millis), "{timeout}");

    gateway
        .send(
            Rest::post("/2.9/profiles/update")
                .project()
                .body(people(1))
                .header("traceparent", "nonsense"),
        )
        .await;
    let calls = gateway.mesh.calls::<UpdateProfilesRequest>("UpdateProfiles");
    let fresh = calls[1].headers["traceparent"].to_str().unwrap();
    assert_eq!(fresh.len(), 55);
}

#[tokio::test]
async fn a_push_is_refused_after_the_keys_are_checked() {
    let gateway = Gateway::new();
    for line in ["1.0", "1.1"] {
        let path = format!("/{line}/{APP_KEY}/transactional/send");
        gateway
            .send(Rest::post(&path).key().body("{}"))
            .await
            .is(403, r#"{"code":12,"message":"push channel not available"}"#);
        gateway
            .send(Rest::post(&path).body("{}"))
            .await
            .is(401, r#"{"code":10,"message":"invalid REST API key or project"}"#);
    }
}
