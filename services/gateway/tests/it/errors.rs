//! The catalogue of errors, to the byte.

use axum::body::{Body, Bytes};
use chappe_kit::{Error, ErrorKind};
use chappe_proto::ingestion::{UpdateProfilesRequest, UpdateProfilesResponse};
use futures_util::stream;
use http::Method;
use tonic::{Code, Status};

use crate::support::{APP_KEY, Gateway, PROJECT_KEY, Rest, people};

const REFUSED: &str = r#"{"error_code":"AUTHENTICATION_INVALID","error_message":"invalid REST API key or project"}"#;
const NO_ROUTE: &str = r#"{"error_code":"ROUTE_NOT_FOUND","error_message":"route not found"}"#;

#[tokio::test]
async fn wrong_credentials_are_401() {
    let gateway = Gateway::new();
    let post = || Rest::post("/2.9/profiles/update").body(people(1));
    let wrong = [
        post().header("x-batch-project", PROJECT_KEY),
        post(),
        post()
            .header("authorization", "Bearer wrong")
            .header("x-batch-project", PROJECT_KEY),
        post().header("authorization", "Bearer wrong"),
        post().key().header("x-batch-project", "project_other"),
        post().key().header("x-batch-project", ""),
        post().project().header("x-authorization", "another"),
    ];
    for rest in wrong {
        let reply = gateway.send(rest).await;
        reply.is(401, REFUSED);
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
    assert!(gateway.mesh.calls::<UpdateProfilesRequest>("UpdateProfiles").is_empty());
}

#[tokio::test]
async fn a_missing_project_is_400() {
    let gateway = Gateway::new();
    gateway
        .send(Rest::post("/2.9/profiles/update").key().body("[]"))
        .await
        .is(
            400,
            r#"{"error_code":"MISSING_PARAMETER","error_message":"missing parameter: X-Batch-Project"}"#,
        );
}

#[tokio::test]
async fn what_is_not_json_is_400() {
    let gateway = Gateway::new();
    for body in ["", "{", "[1,]", "nonsense", "[{\"a\":\"\\ud800\"}]"] {
        gateway.update(body).await.is(
            400,
            r#"{"error_code":"MALFORMED_JSON_BODY","error_message":"malformed JSON body"}"#,
        );
    }
}

#[tokio::test]
async fn unknown_routes_are_404_in_the_words_of_their_line() {
    let gateway = Gateway::new();
    let app = r#"{"code":20,"message":"route not found"}"#;
    let native =
        r#"{"error":{"code":404,"status":"NOT_FOUND","reason":"NOT_FOUND","message":"route not found","details":[]}}"#;
    for (path, body) in [
        ("/2.9/none", NO_ROUTE),
        ("/2.x/profiles/update", NO_ROUTE),
        ("/2.99999/profiles/update", NO_ROUTE),
        ("/3.0/profiles/update", NO_ROUTE),
        ("/", NO_ROUTE),
        ("/2.%ff/profiles/update", NO_ROUTE),
        ("/1.0/KEY/none", app),
        ("/1.2/KEY/gdpr/requests", app),
        ("/chappe/v1/none", native),
    ] {
        gateway.send(Rest::post(path).project()).await.is(404, body);
    }
}

#[tokio::test]
async fn a_wrong_method_is_an_unknown_route() {
    let gateway = Gateway::new();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let reply = gateway.send(Rest::new(method, "/2.9/profiles/update").project()).await;
        reply.is(404, NO_ROUTE);
    }
    let path = format!("/1.1/{APP_KEY}/gdpr/requests");
    gateway
        .send(Rest::post(&path).key())
        .await
        .is(404, r#"{"code":20,"message":"route not found"}"#);
}

#[tokio::test]
async fn what_a_peer_says_is_worded_here() {
    let cases = [
        (
            Code::Unavailable,
            503,
            "MAINTENANCE_ERROR",
            "service temporarily unavailable",
            "5",
        ),
        (
            Code::DeadlineExceeded,
            503,
            "MAINTENANCE_ERROR",
            "service temporarily unavailable",
            "5",
        ),
        (Code::Internal, 500, "SERVER_ERROR", "unexpected error", ""),
        (Code::Unknown, 500, "SERVER_ERROR", "unexpected error", ""),
        (
            Code::ResourceExhausted,
            429,
            "TOO_MANY_REQUESTS",
            "too many requests",
            "1",
        ),
    ];
    for (code, status, symbol, text, retry_after) in cases {
        let gateway = Gateway::new();
        gateway.mesh.fail("UpdateProfiles", code);
        let reply = gateway.update(people(1)).await;
        reply.is(
            status,
            &format!(r#"{{"error_code":"{symbol}","error_message":"{text}"}}"#),
        );
        assert_eq!(reply.header("retry-after"), retry_after, "{code:?}");
    }
}

#[tokio::test]
async fn a_busy_key_is_429_and_a_reused_one_400() {
    let gateway = Gateway::new();
    let update = || {
        Rest::post("/2.9/profiles/update")
            .project()
            .header("idempotency-key", "k")
            .body(people(1))
    };
    gateway.mesh.on("UpdateProfiles", |_: UpdateProfilesRequest| {
        let busy = Error::new(ErrorKind::Aborted, "IDEMPOTENCY_KEY_BUSY", "in progress");
        Err::<UpdateProfilesResponse, _>(Status::from(busy.retry_after(std::time::Duration::from_secs(1))))
    });
    let reply = gateway.send(update()).await;
    reply.is(
        429,
        r#"{"error_code":"TOO_MANY_REQUESTS","error_message":"too many requests"}"#,
    );
    assert_eq!(reply.header("retry-after"), "1");

    gateway.mesh.on("UpdateProfiles", |_: UpdateProfilesRequest| {
        Err::<UpdateProfilesResponse, _>(Status::from(Error::invalid("IDEMPOTENCY_KEY_REUSED", "used before")))
    });
    gateway.send(update()).await.is(
        400,
        r#"{"error_code":"MALFORMED_PARAMETER","error_message":"malformed parameter: used before"}"#,
    );
}

#[tokio::test]
async fn what_a_repetition_may_mend_is_503() {
    let gateway = Gateway::new();
    let update = || Rest::post("/2.9/profiles/update").project().body(people(1));
    for (kind, reason) in [
        (ErrorKind::Aborted, "PROFILE_MOVING"),
        (ErrorKind::Unauthenticated, "CLOCKS_DIFFER"),
    ] {
        gateway.mesh.on("UpdateProfiles", move |_: UpdateProfilesRequest| {
            Err::<UpdateProfilesResponse, _>(Status::from(Error::new(kind, reason, "not now")))
        });
        let reply = gateway.send(update()).await;
        reply.is(
            503,
            r#"{"error_code":"MAINTENANCE_ERROR","error_message":"service temporarily unavailable"}"#,
        );
        assert_eq!(reply.header("retry-after"), "5", "{reason}");
    }
}

#[tokio::test]
async fn identity_away_is_503_on_every_line() {
    let gateway = Gateway::new();
    gateway.mesh.fail("Authenticate", Code::Unavailable);
    let project = gateway.update("[]").await;
    project.is(
        503,
        r#"{"error_code":"MAINTENANCE_ERROR","error_message":"service temporarily unavailable"}"#,
    );
    let app = gateway
        .send(Rest::get(&format!("/1.0/{APP_KEY}/gdpr/requests")).key())
        .await;
    app.is(503, r#"{"code":2,"message":"service temporarily unavailable"}"#);
    let native = gateway.read("/chappe/v1/status").await;
    assert_eq!(native.json()["error"]["status"], "UNAVAILABLE");
    for reply in [project, app, native] {
        assert_eq!(reply.header("retry-after"), "5");
    }
}

#[tokio::test]
async fn a_panic_is_one_500() {
    let gateway = Gateway::new();
    gateway.mesh.on(
        "UpdateProfiles",
        |_: UpdateProfilesRequest| -> Result<UpdateProfilesResponse, Status> { panic!("on purpose") },
    );
    gateway.update(people(1)).await.is(
        500,
        r#"{"error_code":"SERVER_ERROR","error_message":"unexpected error"}"#,
    );
    gateway.update("[]").await.is(202, r#"{"code":"SUCCESS"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_finishes_is_given_up() {
    let gateway = Gateway::new();
    let endless = || Body::from_stream(stream::pending::<Result<Bytes, std::convert::Infallible>>());
    for (path, status) in [
        ("/2.9/profiles/update", 503),
        ("/2.9/none", 503),
        ("/u/token", 503),
        ("/chappe/v1/resources:apply", 504),
    ] {
        let reply = gateway.send(Rest::post(path).project().body(endless())).await;
        assert_eq!(reply.status, status, "{path}");
    }
}
