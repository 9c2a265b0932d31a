//! The native API, resources apart.

use std::collections::HashMap;

use chappe_proto::{
    automation::{AutomationCounts, GetCountsRequest as AutomationRequest, GetCountsResponse as AutomationsCounts},
    email::{
        GetCountsRequest as EmailRequest, GetCountsResponse as EmailCounts, ListMessagesRequest, ListMessagesResponse,
        Message, MessageState,
    },
    identity::{Resolution, ResolutionState, ResolveRequest, ResolveResponse},
    ingestion::{UpdateError, UpdateProfilesRequest, UpdateProfilesResponse},
    privacy::{
        CreateRequestRequest, CreateRequestResponse, GetRequestRequest, GetRequestResponse, ParticipantReport,
        PrivacyRequest, RequestType,
    },
    profile::{
        GetCountsRequest as ProfileRequest, GetCountsResponse as ProfileCounts, GetProfilesRequest,
        GetProfilesResponse, Profile, ProfileResult,
    },
    types::{Value, identifier, value},
};
use prost_types::Timestamp;
use serde_json::json;

use crate::support::{Gateway, project};

const PROFILE: &str = "0199f7a0-0000-7000-8000-00000000000a";
const SURVIVOR: &str = "0199f7a0-0000-7000-8000-00000000000b";

/// Knows `u1` and nobody else.
fn gateway() -> Gateway {
    let gateway = Gateway::new();
    gateway.mesh.on("Resolve", |request: ResolveRequest| {
        assert!(request.lookup_only);
        let known =
            request.items[0].identifier.clone().unwrap().kind == Some(identifier::Kind::CustomId("u1".to_owned()));
        let resolution = if known {
            Resolution {
                state: ResolutionState::Resolved.into(),
                profile_id: PROFILE.to_owned(),
                ..Resolution::default()
            }
        } else {
            Resolution {
                state: ResolutionState::Unknown.into(),
                ..Resolution::default()
            }
        };
        Ok(ResolveResponse {
            resolutions: vec![resolution],
        })
    });
    gateway
}

fn second(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

#[tokio::test]
async fn status_puts_the_counts_of_all_services_together() {
    let gateway = gateway();
    gateway.mesh.on("ProfileService/GetCounts", |_: ProfileRequest| {
        Ok(ProfileCounts { profiles: 1, events: 2 })
    });
    gateway.mesh.on("EmailService/GetCounts", |_: EmailRequest| {
        Ok(EmailCounts {
            queued: 3,
            sent: 4,
            deferred: 5,
            bounced: 6,
            skipped: HashMap::from([("unsubscribed".to_owned(), 7), ("suppressed".to_owned(), 8)]),
            unknown: 9,
            cancelled: 10,
        })
    });
    gateway.mesh.on("AutomationService/GetCounts", |_: AutomationRequest| {
        let counts = AutomationCounts {
            name: "a".to_owned(),
            live: 11,
            completed: 12,
            cancelled: 13,
            ended: 14,
        };
        Ok(AutomationsCounts {
            automations: vec![counts],
            parked: 15,
        })
    });
    gateway.read("/chappe/v1/status").await.is(
        200,
        r#"{"profiles":1,"events":2,"messages":{"queued":3,"sent":4,"deferred":5,"bounced":6,"skipped":15,"unknown":9,"cancelled":10},"skipped_by_reason":{"suppressed":8,"unsubscribed":7},"automations":[{"name":"a","live":11,"completed":12,"cancelled":13,"ended":14}],"parked":15}"#,
    );
}

#[tokio::test]
async fn messages_are_listed_and_filtered() {
    let gateway = gateway();
    gateway.mesh.on("ListMessages", |_: ListMessagesRequest| {
        Ok(ListMessagesResponse {
            messages: vec![Message {
                message_id: "m".to_owned(),
                profile_id: PROFILE.to_owned(),
                state: MessageState::Accepted.into(),
                template: "hello".to_owned(),
                orchestration_id: "o".to_owned(),
                step: "thanks".to_owned(),
                enqueued_at: Some(second(0)),
                attempts: 1,
                ..Message::default()
            }],
        })
    });
    gateway.read("/chappe/v1/messages").await.is(
        200,
        &format!(
            r#"{{"messages":[{{"message_id":"m","profile_id":"{PROFILE}","state":"accepted","reason":null,"template":"hello","orchestration_id":"o","step":"thanks","enqueued_at":"1970-01-01T00:00:00Z","finished_at":null,"event_accepted_at":null,"attempts":1}}]}}"#
        ),
    );
    gateway
        .read("/chappe/v1/messages/?custom_id=u1&state=skipped&limit=7&other=x")
        .await;
    let nobody = gateway.read("/chappe/v1/messages?custom_id=u2").await;
    assert_eq!(nobody.json(), json!({"messages": []}));
    for bad in ["limit=0", "limit=1001", "limit=x", "state=sent"] {
        let reply = gateway.read(&format!("/chappe/v1/messages?{bad}")).await;
        assert_eq!(reply.status, 400, "{bad}");
    }
    let calls = gateway.mesh.calls::<ListMessagesRequest>("ListMessages");
    let asked: Vec<_> = calls.into_iter().map(|call| call.message).collect();
    let ask = |profile_id: &str, page_size, state: MessageState| ListMessagesRequest {
        profile_id: profile_id.to_owned(),
        page_size,
        state: state.into(),
    };
    assert_eq!(
        asked,
        [
            ask("", 100, MessageState::Unspecified),
            ask(PROFILE, 7, MessageState::Skipped)
        ]
    );
}

#[tokio::test]
async fn a_profile_is_read_also_after_it_moved() {
    let gateway = gateway();
    gateway.mesh.on("GetProfiles", |request: GetProfilesRequest| {
        let result = if request.profile_ids == [SURVIVOR] {
            let age = Value {
                kind: Some(value::Kind::IntegerValue(5)),
            };
            ProfileResult {
                profile: Some(Profile {
                    profile_id: SURVIVOR.to_owned(),
                    custom_id: "u1".to_owned(),
                    attributes: HashMap::from([("age".to_owned(), age)]),
                    created_at: Some(second(0)),
                    last_activity_at: Some(second(1)),
                    version: 3,
                }),
                ..ProfileResult::default()
            }
        } else {
            ProfileResult {
                moved_to_profile_id: SURVIVOR.to_owned(),
                ..ProfileResult::default()
            }
        };
        Ok(GetProfilesResponse {
            profiles: vec![result],
            read_at: None,
        })
    });
    gateway.read("/chappe/v1/profiles?custom_id=u1").await.is(
        200,
        &format!(
            r#"{{"profile_id":"{SURVIVOR}","custom_id":"u1","attributes":{{"age":5}},"created_at":"1970-01-01T00:00:00Z","last_activity_at":"1970-01-01T00:00:01Z","version":3}}"#
        ),
    );
    gateway.read("/chappe/v1/profiles?custom_id=u2").await.is(
        404,
        r#"{"error":{"code":404,"status":"NOT_FOUND","reason":"NOT_FOUND","message":"profile not found","details":[]}}"#,
    );
    gateway.read("/chappe/v1/profiles").await.is(
        400,
        r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","reason":"MISSING_PARAMETER","message":"missing parameter: custom_id","details":[]}}"#,
    );
}

#[tokio::test]
async fn history_is_imported_as_backfill() {
    let gateway = gateway();
    gateway.mesh.on("UpdateProfiles", |_: UpdateProfilesRequest| {
        Ok(UpdateProfilesResponse {
            errors: vec![UpdateError {
                category: "event".to_owned(),
                bulk_index: 0,
                reason: "invalid event name".to_owned(),
                attribute: "events[1]".to_owned(),
            }],
            events_applied: 1,
            events_duplicate: 2,
            events_refused: 3,
        })
    });
    let body = json!({"items": [{"custom_id": "u1", "events": [{"id": PROFILE, "name": "e"}, {"name": "?"}]}]});
    gateway.native("/chappe/v1/imports/events", &body).await.is(
        200,
        r#"{"applied":1,"duplicates":2,"rejected":3,"errors":[{"item":0,"reason":"invalid event name","attribute":"events[1]"}]}"#,
    );
    let calls = gateway.mesh.calls::<UpdateProfilesRequest>("UpdateProfiles");
    assert_eq!(calls[0].project, Some(project()));
    assert!(calls[0].message.backfill);
}

#[tokio::test]
async fn a_faulty_import_sends_nothing() {
    let gateway = gateway();
    let events = vec![json!({}); 15_001];
    for (body, message) in [
        (json!({}), "missing parameter: items"),
        (json!({"items": [{}]}), "missing parameter: items[0].custom_id"),
        (
            json!({"items": [{"custom_id": "a"}, {"custom_id": "a", "events": 7}]}),
            "malformed parameter: items[1].events: must be an array",
        ),
        (
            json!({"items": vec![json!({"custom_id": "a"}); 1_001]}),
            "malformed parameter: items: must hold at most 1000 items",
        ),
        (
            json!({"items": [{"custom_id": "a", "events": events}]}),
            "malformed parameter: items: must hold at most 15000 events in all",
        ),
    ] {
        let reply = gateway.native("/chappe/v1/imports/events", &body).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["error"]["message"]),
            (400, &json!(message))
        );
    }
    assert!(gateway.mesh.calls::<UpdateProfilesRequest>("UpdateProfiles").is_empty());
}

#[tokio::test]
async fn a_privacy_request_shows_what_each_service_answered() {
    let gateway = gateway();
    let pending = PrivacyRequest {
        request_id: PROFILE.to_owned(),
        r#type: RequestType::Remove.into(),
        ..PrivacyRequest::default()
    };
    let done = PrivacyRequest {
        done: true,
        participants: vec![ParticipantReport {
            service: "identity".to_owned(),
            verified: true,
            deleted: HashMap::from([("identifiers".to_owned(), 1)]),
            retained: vec!["keyed hash".to_owned()],
        }],
        ..pending.clone()
    };
    gateway.mesh.on("CreateRequest", move |_: CreateRequestRequest| {
        Ok(CreateRequestResponse {
            request: Some(pending.clone()),
        })
    });
    gateway.mesh.on("GetRequest", move |_: GetRequestRequest| {
        Ok(GetRequestResponse {
            request: Some(done.clone()),
        })
    });
    let body = json!({"type": "remove", "custom_id": "u1"});
    gateway.native("/chappe/v1/privacy/requests", &body).await.is(
        202,
        &format!(r#"{{"request_id":"{PROFILE}","type":"remove","status":"pending","participants":[]}}"#),
    );
    let created = &gateway.mesh.calls::<CreateRequestRequest>("CreateRequest")[0].message;
    assert_eq!(
        (created.r#type(), created.identifier_value.as_str()),
        (RequestType::Remove, "u1")
    );
    gateway.read(&format!("/chappe/v1/privacy/requests/{PROFILE}")).await.is(
        200,
        &format!(
            r#"{{"request_id":"{PROFILE}","type":"remove","status":"done","participants":[{{"service":"identity","verified":true,"deleted":{{"identifiers":1}},"retained":["keyed hash"]}}]}}"#
        ),
    );
}
