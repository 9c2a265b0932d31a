//! Which fault comes first when a request has several.

use axum::body::{Body, Bytes};
use chappe_proto::ingestion::UpdateProfilesRequest;
use futures_util::stream;

use crate::support::{Gateway, PROJECT_KEY, Rest, people};

/// A body above every limit, made as it is read.
fn endless(mebibytes: usize) -> Body {
    let piece = Bytes::from(vec![b' '; 1024 * 1024]);
    Body::from_stream(stream::iter(
        (0..mebibytes).map(move |_| Ok::<_, std::convert::Infallible>(piece.clone())),
    ))
}

#[tokio::test]
async fn the_route_comes_before_the_credentials() {
    let reply = Gateway::new().send(Rest::post("/2.x/profiles/update").body("{")).await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn the_credentials_come_before_the_project() {
    let gateway = Gateway::new();
    let reply = gateway
        .send(Rest::post("/2.9/profiles/update").header("authorization", "Bearer no"))
        .await;
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn the_project_comes_before_the_size_of_the_body() {
    let gateway = Gateway::new();
    let rest = Rest::post("/2.9/profiles/update").key().body(endless(17));
    let reply = gateway.send(rest).await;
    assert_eq!(reply.json()["error_code"], "MISSING_PARAMETER");
    let unknown = Rest::post("/2.9/profiles/update")
        .key()
        .header("x-batch-project", "other");
    assert_eq!(gateway.send(unknown.body(endless(17))).await.status, 401);
}

#[tokio::test]
async fn the_size_comes_before_the_json() {
    let gateway = Gateway::new();
    let too_large = r#"{"error_code":"MALFORMED_PARAMETER","error_message":"request body too large"}"#;
    gateway.update(endless(17)).await.is(400, too_large);
    let old = |mebibytes| Rest::post("/2.4/profiles/update").project().body(endless(mebibytes));
    gateway.send(old(65)).await.is(400, too_large);
    assert_eq!(gateway.send(old(17)).await.json()["error_code"], "MALFORMED_JSON_BODY");
}

#[tokio::test]
async fn the_json_comes_before_the_shape() {
    let reply = Gateway::new().update(r#"[{"attributes":{}}, "#).await;
    assert_eq!(reply.json()["error_code"], "MALFORMED_JSON_BODY");
}

#[tokio::test]
async fn the_shape_comes_before_the_rate_limit() {
    let gateway = Gateway::limited();
    for _ in 0..5 {
        assert_eq!(gateway.update(people(200)).await.status, 202);
    }
    assert_eq!(gateway.update("[{}]").await.status, 400);
    assert_eq!(gateway.update(people(1)).await.status, 429);
}

#[tokio::test]
async fn nothing_reaches_ingestion_before_all_of_it_passed() {
    let gateway = Gateway::new();
    for body in [
        "{",
        "{}",
        "[7]",
        "[{}]",
        r#"[{"identifiers":{"custom_id":"a"}},{"identifiers":null}]"#,
    ] {
        assert_eq!(gateway.update(body).await.status, 400, "{body}");
    }
    let keyed = Rest::post("/2.9/profiles/update")
        .key()
        .header("x-batch-project", PROJECT_KEY);
    let reply = gateway
        .send(keyed.header("idempotency-key", "two words").body(people(1)))
        .await;
    assert_eq!(reply.status, 400);
    assert!(gateway.mesh.calls::<UpdateProfilesRequest>("UpdateProfiles").is_empty());
}
