//! `Idempotency-Key`.

use std::sync::atomic::{AtomicU32, Ordering};

use chappe_proto::ingestion::{UpdateProfilesRequest, UpdateProfilesResponse};
use tonic::Status;

use crate::support::{Gateway, Rest, people};

fn keys(gateway: &Gateway) -> Vec<String> {
    let calls = gateway
        .mesh
        .calls::<UpdateProfilesRequest>("UpdateProfiles")
        .into_iter();
    calls.map(|call| call.message.idempotency_key).collect()
}

fn update(key: &str, count: usize) -> Rest {
    let rest = Rest::post("/2.4/profiles/update").project();
    rest.header("idempotency-key", key).body(people(count))
}

#[tokio::test]
async fn each_call_has_its_own_key_and_always_the_same() {
    let gateway = Gateway::new();
    gateway.send(update("k", 2_001)).await;
    gateway.send(update("k", 2_001)).await;
    let once = ["k", "k#1000", "k#2000"];
    assert_eq!(keys(&gateway), [once, once].concat());
}

#[tokio::test]
async fn a_key_is_visible_ascii() {
    let gateway = Gateway::new();
    assert_eq!(gateway.send(update(&"k".repeat(128), 1)).await.status, 202);
    for bad in ["", "two words", &"k".repeat(129)] {
        gateway.send(update(bad, 1)).await.is(
            400,
            r#"{"error_code":"MALFORMED_PARAMETER","error_message":"malformed parameter: Idempotency-Key: must be 1 to 128 visible ASCII characters"}"#,
        );
    }
}

#[tokio::test]
async fn only_a_keyed_call_is_repeated_by_itself() {
    let away_once = |gateway: &Gateway| {
        let calls = AtomicU32::new(0);
        gateway.mesh.on("UpdateProfiles", move |_: UpdateProfilesRequest| {
            match calls.fetch_add(1, Ordering::SeqCst) {
                0 => Err(Status::unavailable("restarting")),
                _ => Ok(UpdateProfilesResponse::default()),
            }
        });
    };
    let gateway = Gateway::new();
    away_once(&gateway);
    assert_eq!(gateway.update(people(1)).await.status, 503);
    away_once(&gateway);
    assert_eq!(gateway.send(update("k", 1)).await.status, 202);
}
