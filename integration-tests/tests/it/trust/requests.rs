//! One telling request of every RPC that is for a project.

use std::collections::HashMap;

use chappe_kit::Timestamp;
use chappe_proto::{
    email, identity, ingestion as inbound, privacy as rights, profile, to_struct,
    types::{
        ApplyResourcesRequest, DeleteResourceRequest, Identifier, ListResourcesRequest, RawField, RawList, RawObject,
        RawValue, Resource, Value, identifier, raw_value, value,
    },
};
use prost::Message;
use serde_json::{Value as Json, json};

/// What the first project has, by which the other one asks.
pub(super) struct Names {
    pub(super) profile: String,
    pub(super) request: String,
    pub(super) run: String,
    pub(super) message: String,
    pub(super) now: Timestamp,
}

/// Service, method, encoded request.
pub(super) type Call = (&'static str, String, Vec<u8>);

pub(super) const CUSTOM_ID: &str = "ada of alpha";
pub(super) const CITY: &str = "Ploumanach";
pub(super) const ADDRESS: &str = "ada@alpha.example";
pub(super) const SENDER_ADDRESS: &str = "desk@alpha.example";
pub(super) const SUBJECT: &str = "Thanks from alpha";
pub(super) const EVENT: &str = "paid_in_alpha";
pub(super) const APP_VALUE: &str = "seen by the app of alpha";
pub(super) const WRITTEN: &str = "ada as alpha wrote it";

/// Reads first, then changes, then deletions.
pub(super) fn all(names: &Names) -> Vec<Call> {
    let mut calls = reads(names);
    calls.extend(changes(names));
    calls.extend(deletions(names));
    calls
}

fn reads(names: &Names) -> Vec<Call> {
    let query = json!({"city": CITY});
    let kinds = [
        ("identity", "chappe.identity.v1.IdentityService", "Project"),
        ("automation", "chappe.automation.v1.AutomationService", "Automation"),
        ("email-sender", "chappe.email.v1.EmailService", "Template"),
        ("email-sender", "chappe.email.v1.EmailService", "Sender"),
    ];
    let list = |(to, service, kind): (&'static str, &str, &str)| {
        let request = ListResourcesRequest {
            kind: kind.to_owned(),
            name: String::new(),
        };
        (to, format!("{service}/ListResources"), request.encode_to_vec())
    };
    let mut calls: Vec<Call> = kinds.into_iter().map(list).collect();
    calls.extend([
        identity("GetProject", &identity::GetProjectRequest {}),
        looked_up(),
        profiles("GetCounts", &profile::GetCountsRequest {}),
        profiles(
            "GetProfiles",
            &profile::GetProfilesRequest {
                profile_ids: vec![names.profile.clone()],
            },
        ),
        profiles(
            "EvaluateTargeting",
            &profile::EvaluateTargetingRequest {
                queries: vec![to_struct(query.as_object().unwrap())],
                checks: vec![profile::TargetingCheck {
                    profile_id: names.profile.clone(),
                    query: 0,
                }],
            },
        ),
        profiles(
            "PlanInactivity",
            &profile::PlanInactivityRequest {
                cutoff: Some(names.now.into()),
            },
        ),
        automations("GetCounts", &chappe_proto::automation::GetCountsRequest {}),
        emails("GetCounts", &email::GetCountsRequest {}),
        emails("ListMessages", &email::ListMessagesRequest::default()),
        privacy("ListRequests", &rights::ListRequestsRequest {}),
        privacy(
            "GetRequest",
            &rights::GetRequestRequest {
                request_id: names.request.clone(),
            },
        ),
        privacy(
            "GetInactivityRun",
            &rights::GetInactivityRunRequest {
                run_id: names.run.clone(),
            },
        ),
    ]);
    let export = rights::ExportSubjectRequest {
        subject: Some(subject(names)),
    };
    calls.extend(subjects("ExportSubject", &export));
    calls
}

fn changes(names: &Names) -> Vec<Call> {
    let inactive = profile::DeleteInactiveRequest {
        cutoff: Some((names.now + std::time::Duration::from_hours(24)).into()),
        limit: 10,
        ..profile::DeleteInactiveRequest::default()
    };
    let edit = profile::ProfileEdit {
        profile_id: names.profile.clone(),
        events: vec![event(7, EVENT, names)],
        ..profile::ProfileEdit::default()
    };
    // First, before the other project has a profile of the same id.
    let mut calls = vec![
        profiles("DeleteInactive", &inactive),
        enqueue(names),
        identity("Resolve", &resolve(false)),
        identity(
            "Resolve",
            &identity::ResolveRequest {
                items: vec![identity::ResolveItem {
                    identifier: Some(ada()),
                    retired_profile_id: names.profile.clone(),
                    moved_to_profile_id: String::new(),
                }],
                lookup_only: false,
            },
        ),
        identity(
            "ApplyResources",
            &resource("Project", "alpha", &json!({"timezone": "Europe/Paris"})),
        ),
        profiles(
            "ApplyEdits",
            &profile::ApplyEditsRequest {
                edits: vec![edit],
                accepted_at: Some(names.now.into()),
                ..profile::ApplyEditsRequest::default()
            },
        ),
        profiles(
            "ReportEngagement",
            &profile::ReportEngagementRequest {
                items: vec![profile::Engagement {
                    profile_id: names.profile.clone(),
                    event: Some(event(8, "email_open", names)),
                    activity: true,
                }],
            },
        ),
        profiles(
            "OptOut",
            &profile::OptOutRequest {
                address_key: ADDRESS.to_owned(),
                at: Some(names.now.into()),
                profile_id: names.profile.clone(),
                event: Some(event(9, "email_unsubscribe", names)),
            },
        ),
        app_data("changed"),
        update("elsewhere"),
        create_request(),
        start_run(names),
    ];
    calls.extend(setup());
    calls
}

/// Resources and interest, without which nothing else is of use.
pub(super) fn setup() -> Vec<Call> {
    let sender = json!({"address": SENDER_ADDRESS, "name": "The Shop", "class": "transactional"});
    let automation = json!({
        "state": "RUNNING",
        "trigger": {"event": EVENT},
        "steps": [{"send": {"template": "receipt", "sender": "desk"}}],
    });
    let template = json!({"subject": SUBJECT, "text": "Thank you."});
    vec![
        emails("ApplyResources", &resource("Sender", "desk", &sender)),
        emails("ApplyResources", &resource("Template", "receipt", &template)),
        automations("ApplyResources", &resource("Automation", "receipt", &automation)),
        profiles(
            "SetInterest",
            &profile::SetInterestRequest {
                event_names: vec![EVENT.to_owned()],
            },
        ),
    ]
}

fn deletions(names: &Names) -> Vec<Call> {
    let cancel = email::CancelRequest {
        message_ids: vec![names.message.clone()],
    };
    let unlink = identity::UnlinkProfilesRequest {
        profile_ids: vec![names.profile.clone()],
    };
    let interest = profile::SetInterestRequest::default();
    let delete = |kind: &str, name: &str| DeleteResourceRequest {
        kind: kind.to_owned(),
        name: name.to_owned(),
    };
    let mut calls = vec![
        emails("Cancel", &cancel),
        automations("DeleteResource", &delete("Automation", "receipt")),
        emails("DeleteResource", &delete("Template", "receipt")),
        profiles("SetInterest", &interest),
        identity("UnlinkProfiles", &unlink),
    ];
    let (block, erase, verify) = (
        rights::BlockSubjectRequest {
            subject: Some(subject(names)),
        },
        rights::EraseSubjectRequest {
            subject: Some(subject(names)),
        },
        rights::VerifyErasedRequest {
            subject: Some(subject(names)),
        },
    );
    calls.extend(subjects("BlockSubject", &block));
    calls.extend(subjects("VerifyErased", &verify));
    calls.extend(subjects("EraseSubject", &erase));
    calls
}

/// A mail to the person.
pub(super) fn enqueue(names: &Names) -> Call {
    let message = email::OutgoingMessage {
        message_id: names.message.clone(),
        profile_id: names.profile.clone(),
        template: "receipt".to_owned(),
        sender: "desk".to_owned(),
        orchestration_id: "receipt".to_owned(),
        step: "send".to_owned(),
        ..email::OutgoingMessage::default()
    };
    let messages = vec![message];
    emails("Enqueue", &email::EnqueueRequest { messages })
}

/// Attributes and an event of the person.
pub(super) fn update(city: &str) -> Call {
    let attributes = object(vec![("$email_address", string(ADDRESS)), ("city", string(city))]);
    let event = object(vec![("name", string(EVENT))]);
    let events = raw(raw_value::Kind::ListValue(RawList { items: vec![event] }));
    let item = inbound::ProfileUpdate {
        identifier: Some(ada()),
        attributes: Some(attributes),
        events: Some(events),
    };
    let request = inbound::UpdateProfilesRequest {
        items: vec![item],
        ..inbound::UpdateProfilesRequest::default()
    };
    let method = "chappe.ingestion.v1.IngestionService/UpdateProfiles";
    ("ingestion", method.to_owned(), request.encode_to_vec())
}

/// Looks the person up.
pub(super) fn looked_up() -> Call {
    identity("Resolve", &resolve(true))
}

fn resolve(lookup_only: bool) -> identity::ResolveRequest {
    let item = identity::ResolveItem {
        identifier: Some(ada()),
        ..identity::ResolveItem::default()
    };
    identity::ResolveRequest {
        items: vec![item],
        lookup_only,
    }
}

/// Values of the person in an app.
pub(super) fn app_data(value: &str) -> Call {
    let text = Value {
        kind: Some(value::Kind::StringValue(value.to_owned())),
    };
    let user = profile::AppUser {
        custom_id: CUSTOM_ID.to_owned(),
        values: HashMap::from([("u.note".to_owned(), text)]),
        ..profile::AppUser::default()
    };
    let request = profile::ApplyAppDataRequest {
        app_id: uuid::Uuid::from_u128(5).to_string(),
        users: vec![user],
    };
    profiles("ApplyAppData", &request)
}

/// A review of the person.
pub(super) fn create_request() -> Call {
    let request = rights::CreateRequestRequest {
        r#type: rights::RequestType::Review.into(),
        identifier: Some(ada()),
        identifier_type: "custom_id".to_owned(),
        identifier_value: WRITTEN.to_owned(),
    };
    privacy("CreateRequest", &request)
}

/// A run that only plans.
pub(super) fn start_run(names: &Names) -> Call {
    let request = rights::StartInactivityRunRequest {
        request_id: names.run.clone(),
        dry_run: true,
        ..rights::StartInactivityRunRequest::default()
    };
    privacy("StartInactivityRun", &request)
}

fn identity(method: &str, request: &impl Message) -> Call {
    (
        "identity",
        format!("chappe.identity.v1.IdentityService/{method}"),
        request.encode_to_vec(),
    )
}

fn profiles(method: &str, request: &impl Message) -> Call {
    (
        "profile-store",
        format!("chappe.profile.v1.ProfileService/{method}"),
        request.encode_to_vec(),
    )
}

fn automations(method: &str, request: &impl Message) -> Call {
    (
        "automation",
        format!("chappe.automation.v1.AutomationService/{method}"),
        request.encode_to_vec(),
    )
}

fn emails(method: &str, request: &impl Message) -> Call {
    (
        "email-sender",
        format!("chappe.email.v1.EmailService/{method}"),
        request.encode_to_vec(),
    )
}

fn privacy(method: &str, request: &impl Message) -> Call {
    (
        "privacy",
        format!("chappe.privacy.v1.PrivacyService/{method}"),
        request.encode_to_vec(),
    )
}

/// The same to everyone who holds personal data.
fn subjects(method: &str, request: &impl Message) -> Vec<Call> {
    let to = |to| {
        (
            to,
            format!("chappe.privacy.v1.DataSubjectService/{method}"),
            request.encode_to_vec(),
        )
    };
    ["automation", "email-sender", "ingestion", "profile-store", "identity"]
        .map(to)
        .into()
}

fn subject(names: &Names) -> rights::Subject {
    rights::Subject {
        identifier: Some(ada()),
        profile_ids: vec![names.profile.clone()],
    }
}

fn ada() -> Identifier {
    Identifier {
        kind: Some(identifier::Kind::CustomId(CUSTOM_ID.to_owned())),
    }
}

fn event(n: u128, name: &str, names: &Names) -> profile::Event {
    profile::Event {
        event_id: uuid::Uuid::from_u128(n).to_string(),
        name: name.to_owned(),
        time: Some(names.now.into()),
        attributes: HashMap::new(),
    }
}

fn resource(kind: &str, name: &str, spec: &Json) -> ApplyResourcesRequest {
    let resource = Resource {
        kind: kind.to_owned(),
        name: name.to_owned(),
        spec: Some(to_struct(spec.as_object().unwrap())),
        version: 0,
    };
    ApplyResourcesRequest {
        resources: vec![resource],
        validate_only: false,
    }
}

fn object(fields: Vec<(&str, RawValue)>) -> RawValue {
    let field = |(key, value): (&str, RawValue)| RawField {
        key: key.to_owned(),
        value: Some(value),
    };
    let fields = fields.into_iter().map(field).collect();
    raw(raw_value::Kind::ObjectValue(RawObject { fields }))
}

fn string(text: &str) -> RawValue {
    raw(raw_value::Kind::StringValue(text.to_owned()))
}

fn raw(kind: raw_value::Kind) -> RawValue {
    RawValue { kind: Some(kind) }
}
