//! Rate limits under `preset: batch`.

use crate::support::{Gateway, Rest, people};

#[tokio::test]
async fn a_thousand_profiles_at_once_and_then_three_hundred_a_second() {
    let gateway = Gateway::limited();
    for left in ["800", "600", "400", "200", "0"] {
        let reply = gateway.update(people(200)).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("x-ratelimit-remaining")),
            (202, left)
        );
        assert_eq!(reply.header("x-ratelimit-limit"), "1000");
    }
    let reply = gateway.update(people(200)).await;
    reply.is(
        429,
        r#"{"error_code":"TOO_MANY_REQUESTS","error_message":"too many requests"}"#,
    );
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(reply.header("x-ratelimit-remaining"), "0");
    assert_eq!(reply.header("x-ratelimit-reset"), "4");
}

#[tokio::test]
async fn a_person_named_twice_costs_once() {
    let gateway = Gateway::limited();
    let item = r#"{"identifiers":{"custom_id":"a"}}"#;
    let body = format!("[{}]", [item; 200].join(","));
    assert_eq!(gateway.update(body).await.header("x-ratelimit-remaining"), "999");
}

#[tokio::test]
async fn large_bodies_draw_on_the_large_bucket() {
    let gateway = Gateway::limited();
    let reply = gateway
        .send(Rest::post("/2.4/profiles/update").project().body(people(10_000)))
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("x-ratelimit-limit")),
        (202, "10000")
    );
    assert_eq!(gateway.update(people(200)).await.status, 202);
}

#[tokio::test]
async fn other_routes_count_calls() {
    let gateway = Gateway::limited();
    for _ in 0..20 {
        assert_eq!(gateway.read("/chappe/v1/resources/None").await.status, 400);
    }
    let reply = gateway.read("/chappe/v1/resources/None").await;
    assert_eq!(reply.json()["error"]["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(reply.header("retry-after"), "1");
}

#[tokio::test]
async fn without_a_preset_nothing_is_limited_or_said() {
    let gateway = Gateway::new();
    for _ in 0..6 {
        let reply = gateway.update(people(200)).await;
        assert_eq!((reply.status.as_u16(), reply.header("x-ratelimit-limit")), (202, ""));
    }
}
