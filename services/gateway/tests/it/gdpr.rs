//! The GDPR routes of 1.x.

use chappe_proto::{
    privacy::{
        CreateRequestRequest, CreateRequestResponse, GetArchiveRequest, GetArchiveResponse, GetRequestRequest,
        GetRequestResponse, ListRequestsRequest, ListRequestsResponse, PrivacyRequest, RequestType,
    },
    types::{Identifier, Installation, identifier},
};
use serde_json::{Value as Json, json};
use tonic::Status;

use crate::support::{APP_KEY, Gateway, Reply, Rest, project};

const ID: &str = "0199f7a0-0000-7000-8000-000000000001";

async fn create(gateway: &Gateway, body: &Json) -> Reply {
    let path = format!("/1.0/{APP_KEY}/gdpr/request");
    gateway.send(Rest::post(&path).key().body(body.to_string())).await
}

fn gateway() -> Gateway {
    let gateway = Gateway::new();
    let request = || PrivacyRequest {
        request_id: ID.to_owned(),
        created_at: Some(prost_types::Timestamp {
            seconds: 1_795_165_200,
            nanos: 0,
        }),
        r#type: RequestType::Review.into(),
        done: true,
        identifier_type: "custom_id".to_owned(),
        identifier_value: "u1".to_owned(),
        archive_name: "n4me".to_owned(),
        ..PrivacyRequest::default()
    };
    gateway.mesh.on("CreateRequest", move |_: CreateRequestRequest| {
        Ok(CreateRequestResponse {
            request: Some(request()),
        })
    });
    gateway.mesh.on("GetRequest", move |asked: GetRequestRequest| {
        if asked.request_id == ID {
            Ok(GetRequestResponse {
                request: Some(request()),
            })
        } else {
            Err(Status::not_found("request not found"))
        }
    });
    gateway.mesh.on("ListRequests", move |_: ListRequestsRequest| {
        Ok(ListRequestsResponse {
            requests: vec![request()],
        })
    });
    gateway
}

const OBJECT: &str = r#"{"request_id":"0199f7a0-0000-7000-8000-000000000001","request_date":"2026-11-20T09:00:00.000","status":"done","request_type":"review","trigger_type":"api","data_url":"https://api.example.org/gdpr/archives/n4me.zip","id":{"type":"custom_id","value":"u1"}}"#;

#[tokio::test]
async fn a_request_is_created_for_whom_it_names() {
    let gateway = gateway();
    let custom_id = identifier::Kind::CustomId("u1".to_owned());
    let installation = identifier::Kind::Installation(Installation {
        app_key: APP_KEY.to_owned(),
        installation_id: "u1".to_owned(),
    });
    let kinds = [
        ("custom_id", Some(custom_id)),
        ("install_id", Some(installation.clone())),
        ("installation_id", Some(installation)),
        ("advertising_id", None),
    ];
    for (at, (written, kind)) in kinds.into_iter().enumerate() {
        let body = json!({"request_type": "remove", "id": {"type": written, "value": "u1"}});
        create(&gateway, &body)
            .await
            .is(202, &format!(r#"{{"request_id":"{ID}"}}"#));
        let call = &gateway.mesh.calls::<CreateRequestRequest>("CreateRequest")[at];
        assert_eq!(call.project, Some(project()));
        assert_eq!(
            call.message,
            CreateRequestRequest {
                r#type: RequestType::Remove.into(),
                identifier: kind.map(|kind| Identifier { kind: Some(kind) }),
                identifier_type: written.to_owned(),
                identifier_value: "u1".to_owned(),
            }
        );
    }
}

#[tokio::test]
async fn a_faulty_request_is_refused() {
    let gateway = gateway();
    let id = json!({"type": "custom_id", "value": "u1"});
    let cases = [
        (json!([]), 31, "malformed parameter: body: must be an object"),
        (json!({"id": id}), 30, "missing parameter: request_type"),
        (
            json!({"request_type": "forget", "id": id}),
            31,
            "malformed parameter: request_type: must be one of review, remove",
        ),
        (json!({"request_type": "review"}), 30, "missing parameter: id"),
        (
            json!({"request_type": "review", "id": {"type": "custom_id", "value": 7}}),
            31,
            "malformed parameter: id.value: must be a string that is not empty",
        ),
        (
            json!({"request_type": "review", "id": {"type": "email", "value": "x"}}),
            31,
            "malformed parameter: id.type: must be one of custom_id, install_id, advertising_id",
        ),
        (
            json!({"request_type": "review", "callback_url": "https://x.example", "id": id}),
            31,
            "malformed parameter: callback_url: this version sends no callbacks; leave it out and ask for the request instead",
        ),
    ];
    for (body, code, message) in cases {
        create(&gateway, &body)
            .await
            .is(400, &json!({"code": code, "message": message}).to_string());
    }
    assert!(gateway.mesh.calls::<CreateRequestRequest>("CreateRequest").is_empty());
}

#[tokio::test]
async fn requests_are_shown_one_by_one_and_as_a_list() {
    let gateway = gateway();
    for line in ["1.0", "1.1"] {
        let base = format!("/{line}/{APP_KEY}/gdpr");
        gateway
            .send(Rest::get(&format!("{base}/request/{ID}")).key())
            .await
            .is(200, OBJECT);
        gateway
            .send(Rest::get(&format!("{base}/requests/")).key())
            .await
            .is(200, &format!("[{OBJECT}]"));
    }
}

#[tokio::test]
async fn an_unknown_request_is_404() {
    let gateway = gateway();
    for id in ["0199f7a0-0000-7000-8000-000000000002", "nonsense"] {
        let path = format!("/1.0/{APP_KEY}/gdpr/request/{id}");
        gateway
            .send(Rest::get(&path).key())
            .await
            .is(404, r#"{"code":20,"message":"request not found"}"#);
    }
}

#[tokio::test]
async fn another_app_key_opens_nothing() {
    let reply = gateway().send(Rest::get("/1.0/OTHER/gdpr/requests").key()).await;
    reply.is(401, r#"{"code":10,"message":"invalid REST API key or project"}"#);
}

#[tokio::test]
async fn an_archive_needs_no_more_than_its_name() {
    let gateway = Gateway::new();
    gateway.mesh.on_stream("GetArchive", |asked: GetArchiveRequest| {
        if asked.archive_name != "n4me" {
            return Err(Status::not_found("archive not found"));
        }
        let piece = |chunk: &'static [u8]| GetArchiveResponse { chunk: chunk.into() };
        Ok(vec![piece(b"PK"), piece(b"\x03\x04")])
    });
    let reply = gateway.send(Rest::get("/gdpr/archives/n4me.zip")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.body.as_slice()),
        (200, b"PK\x03\x04".as_slice())
    );
    assert_eq!(reply.header("content-type"), "application/zip");
    assert_eq!(reply.header("cache-control"), "no-store");
    for path in [
        "/gdpr/archives/other.zip",
        "/gdpr/archives/n4me",
        "/gdpr/archives/..%2Fx.zip",
    ] {
        let reply = gateway.send(Rest::get(path)).await;
        reply.is(
            404,
            r#"{"error_code":"ROUTE_NOT_FOUND","error_message":"archive not found"}"#,
        );
    }
    assert_eq!(gateway.mesh.methods().len(), 2);
}
