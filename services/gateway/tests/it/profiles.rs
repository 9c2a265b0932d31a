//! `POST /2.{minor}/profiles/update`.

use std::io::Write;

use chappe_proto::{
    ingestion::{UpdateError, UpdateProfilesRequest, UpdateProfilesResponse},
    types::{Installation, identifier, raw_value::Kind},
};
use flate2::{Compression, write::GzEncoder};
use tonic::Status;

use crate::support::{Gateway, Rest, people, project};

const SUCCESS: &str = r#"{"code":"SUCCESS"}"#;

fn requests(gateway: &Gateway) -> Vec<UpdateProfilesRequest> {
    let calls = gateway.mesh.calls("UpdateProfiles").into_iter();
    calls.map(|call| call.message).collect()
}

async fn old(gateway: &Gateway, body: String) -> crate::support::Reply {
    gateway
        .send(Rest::post("/2.4/profiles/update").project().body(body))
        .await
}

#[tokio::test]
async fn an_edit_reaches_ingestion_as_it_was_written() {
    let gateway = Gateway::new();
    let body = r#"[{"identifiers":{"custom_id":"a","crm_id":"9"},
        "attributes":{"Foo":5,"foo":5.0,"date(foo)":null},"events":[{"name":"e"}]},
        {"identifiers":{"installation":{"apikey":"K","installation_id":"I"}}}]"#;
    gateway.update(body).await.is(202, SUCCESS);

    let calls = gateway.mesh.calls::<UpdateProfilesRequest>("UpdateProfiles");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].project, Some(project()));
    let request = &calls[0].message;
    assert_eq!(
        (request.first_index, request.backfill, request.idempotency_key.as_str()),
        (0, false, "")
    );
    let [first, second] = request.items.as_slice() else {
        panic!("two items")
    };
    assert_eq!(
        first.identifier.as_ref().unwrap().kind,
        Some(identifier::Kind::CustomId("a".to_owned()))
    );
    let Some(Kind::ObjectValue(attributes)) = &first.attributes.as_ref().unwrap().kind else {
        panic!("an object")
    };
    let fields: Vec<_> = attributes
        .fields
        .iter()
        .map(|field| (field.key.as_str(), field.value.clone().and_then(|value| value.kind)))
        .collect();
    assert_eq!(
        fields,
        [
            ("Foo", Some(Kind::IntValue(5))),
            ("foo", Some(Kind::DoubleValue(5.0))),
            ("date(foo)", None)
        ]
    );
    assert!(matches!(&first.events.as_ref().unwrap().kind, Some(Kind::ListValue(list)) if list.items.len() == 1));
    assert_eq!(
        second.identifier.as_ref().unwrap().kind,
        Some(identifier::Kind::Installation(Installation {
            app_key: "K".to_owned(),
            installation_id: "I".to_owned()
        }))
    );
    assert_eq!((&second.attributes, &second.events), (&None, &None));
}

#[tokio::test]
async fn partial_errors_are_told_in_order_and_still_202() {
    let gateway = Gateway::new();
    gateway.mesh.on("UpdateProfiles", |_: UpdateProfilesRequest| {
        let error = |category: &str, bulk_index, reason: &str, attribute: &str| UpdateError {
            category: category.to_owned(),
            bulk_index,
            reason: reason.to_owned(),
            attribute: attribute.to_owned(),
        };
        Ok(UpdateProfilesResponse {
            errors: vec![
                error("identifier", 0, "custom_id is blocklisted", ""),
                error("attribute", 1, "string must hold 1 to 300 characters", "nickname"),
            ],
            ..UpdateProfilesResponse::default()
        })
    });
    gateway.update(people(2)).await.is(
        202,
        r#"{"code":"SUCCESS_WITH_PARTIAL_ERRORS","errors":[{"category":"identifier","bulk_index":0,"reason":"custom_id is blocklisted"},{"category":"attribute","bulk_index":1,"reason":"string must hold 1 to 300 characters","attribute":"nickname"}]}"#,
    );
}

#[tokio::test]
async fn an_empty_array_is_success_and_nothing_to_do() {
    let gateway = Gateway::new();
    gateway.update("[]").await.is(202, SUCCESS);
    assert!(requests(&gateway).is_empty());
}

#[tokio::test]
async fn the_minor_sets_the_ceiling() {
    let gateway = Gateway::new();
    assert_eq!(gateway.update(people(200)).await.status, 202);
    gateway.update(people(201)).await.is(
        400,
        r#"{"error_code":"MALFORMED_PARAMETER","error_message":"malformed parameter: body: must hold at most 200 edits"}"#,
    );
    assert_eq!(old(&gateway, people(201)).await.status, 202);
    assert_eq!(old(&gateway, people(10_001)).await.status, 400);
}

#[tokio::test]
async fn ten_thousand_items_travel_in_ten_calls() {
    let gateway = Gateway::new();
    old(&gateway, people(10_000)).await.is(202, SUCCESS);
    let requests = requests(&gateway);
    let cut: Vec<_> = requests
        .iter()
        .map(|request| (request.first_index, request.items.len()))
        .collect();
    assert_eq!(cut, (0..10).map(|at| (at * 1_000, 1_000)).collect::<Vec<_>>());
    let last = requests[9].items[999].identifier.clone().unwrap();
    assert_eq!(last.kind, Some(identifier::Kind::CustomId("u9999".to_owned())));
}

#[tokio::test]
async fn a_fault_in_the_last_item_sends_nothing() {
    let gateway = Gateway::new();
    let mut body = people(9_999);
    body.truncate(body.len() - 1);
    body.push_str(",{}]");
    old(&gateway, body).await.is(
        400,
        r#"{"error_code":"MISSING_PARAMETER","error_message":"missing parameter: [9999].identifiers"}"#,
    );
    assert!(requests(&gateway).is_empty());
}

#[tokio::test]
async fn errors_of_later_calls_stand_behind_those_of_earlier_ones_up_to_a_thousand() {
    let gateway = Gateway::new();
    gateway.mesh.on("UpdateProfiles", |request: UpdateProfilesRequest| {
        let error = |at| UpdateError {
            category: "identifier".to_owned(),
            bulk_index: request.first_index + at,
            reason: "custom_id is blocklisted".to_owned(),
            attribute: String::new(),
        };
        Ok(UpdateProfilesResponse {
            errors: (0..600).map(error).collect(),
            ..UpdateProfilesResponse::default()
        })
    });
    let body = old(&gateway, people(2_000)).await.json();
    let indices: Vec<_> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["bulk_index"].clone())
        .collect();
    assert_eq!(indices, (0..600).chain(1_000..1_400).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_failure_in_between_is_one_to_repeat() {
    let gateway = Gateway::new();
    gateway.mesh.on("UpdateProfiles", |request: UpdateProfilesRequest| {
        if request.first_index < 2_000 {
            Ok(UpdateProfilesResponse::default())
        } else {
            Err(Status::internal("broken"))
        }
    });
    let reply = old(&gateway, people(3_000)).await;
    reply.is(
        503,
        r#"{"error_code":"MAINTENANCE_ERROR","error_message":"service temporarily unavailable"}"#,
    );
    assert_eq!(reply.header("retry-after"), "5");
    assert_eq!(requests(&gateway).len(), 3);
}

#[tokio::test]
async fn gzip_is_inflated_and_limited_by_what_comes_out() {
    let gateway = Gateway::new();
    let send = async |body: &[u8], encoding: &str| {
        let rest = Rest::post("/2.9/profiles/update")
            .project()
            .header("content-encoding", encoding);
        gateway.send(rest.body(body.to_vec())).await
    };
    let gzip = |body: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    };
    send(&gzip(people(3).as_bytes()), "gzip").await.is(202, SUCCESS);
    assert_eq!(requests(&gateway)[0].items.len(), 3);
    let bomb = send(&gzip(&vec![b' '; 17 * 1024 * 1024]), "gzip").await;
    assert_eq!(bomb.json()["error_message"], "request body too large");
    assert_eq!(
        send(b"not gzip", "gzip").await.json()["error_code"],
        "MALFORMED_JSON_BODY"
    );
    assert_eq!(
        send(b"[]", "br").await.json()["error_message"],
        "malformed parameter: Content-Encoding: only gzip is understood"
    );
    send(b"[]", "identity").await.is(202, SUCCESS);
}

#[tokio::test]
async fn a_type_of_content_is_not_insisted_on() {
    let gateway = Gateway::new();
    let rest = Rest::post("/2.9/profiles/update")
        .project()
        .header("content-type", "text/plain");
    gateway
        .send(rest.body(format!("\u{feff}{}", people(1))))
        .await
        .is(202, SUCCESS);
}
