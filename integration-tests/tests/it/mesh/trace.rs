use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::trace::v1::{span::SpanKind, status::StatusCode};
use serde_json::json;

use super::support::{Class, Collected, Collector, Scene, until};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
/// Mails of one person: one at once, one after a second.
const MAILS: u64 = 2;
/// The event that the mail after a second follows.
const LATER: &str = "waited";

/// What is said about somebody must be in no span.
const CUSTOM_ID: &str = "canary-custom-id";
const ADDRESS: &str = "canary-address@example.org";
const VALUE: &str = "canary-value";

#[tokio::test]
async fn a_trace_goes_from_the_call_to_the_mails_through_six_services() {
    let collector = Collector::new().await;
    let Some(mut scene) = Scene::traced(&collector).await else {
        return;
    };
    apply_a_delay(&scene).await;
    tell(&scene, "unsampled", &format!("00-{}-{CALLER}-00", "1".repeat(32))).await;
    mails_are_accepted(&scene, MAILS).await;
    tell(&scene, CUSTOM_ID, &format!("00-{TRACE}-{CALLER}-01")).await;
    mails_are_accepted(&scene, 2 * MAILS).await;
    scene.stop().await;

    let spans = collector.spans();
    print(&spans);
    assert_one_tree(&spans);
    assert_the_way(&spans);
    let told = format!("{spans:?}");
    for canary in [CUSTOM_ID, ADDRESS, VALUE, scene.rest.key("rest_api_key")] {
        assert!(!told.contains(canary), "{canary} is in a span");
    }
}

/// An automation that lets a second pass before it sends.
async fn apply_a_delay(scene: &Scene) {
    let mail = Class::Transactional.name();
    let spec = json!({
        "state": "RUNNING",
        "trigger": {"event": LATER},
        "steps": [{"delay": "1s"}, {"send": {"template": mail, "sender": mail}}],
    });
    let resource = json!({"kind": "Automation", "name": LATER, "spec": spec});
    let request = scene.rest.post("/chappe/v1/resources:apply");
    send(request.json(&json!({"dry_run": false, "resources": [resource]}))).await;
}

async fn tell(scene: &Scene, custom_id: &str, traceparent: &str) {
    let now = json!({"name": Class::Transactional.event(), "attributes": {"word": VALUE}});
    let person = json!({
        "identifiers": {"custom_id": custom_id},
        "attributes": {"$email_address": ADDRESS, "word": VALUE},
        "events": [now, {"name": LATER}],
    });
    let request = scene.rest.post("/2.11/profiles/update");
    send(request.header("traceparent", traceparent).json(&json!([person]))).await;
}

async fn send(request: reqwest::RequestBuilder) {
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}

async fn mails_are_accepted(scene: &Scene, count: u64) {
    let sent = async || scene.rest.status().await["messages"]["sent"].as_u64();
    until("the mails are accepted", sent, |sent| *sent == Some(count)).await;
}

fn print(spans: &[Collected]) {
    for Collected { service, span, .. } in spans {
        let micros = (span.end_time_unix_nano - span.start_time_unix_nano) / 1_000;
        println!("{service}: {} ({:?}, {micros} us)", span.name, span.kind());
    }
}

/// One trace, the caller's; every span hangs on another one, and the first on the caller's. None failed.
fn assert_one_tree(spans: &[Collected]) {
    let names: BTreeMap<String, &Collected> = spans.iter().map(|it| (hex(&it.span.span_id), it)).collect();
    assert_eq!(names.len(), spans.len(), "ids of spans are unique");
    let mut roots = Vec::new();
    for it in spans {
        assert_eq!(hex(&it.span.trace_id), TRACE, "{it:?}");
        assert!(!it.version.is_empty(), "{it:?}");
        assert_ne!(
            it.span.status.clone().unwrap_or_default().code(),
            StatusCode::Error,
            "{it:?}"
        );
        match hex(&it.span.parent_span_id) {
            parent if parent == CALLER => roots.push(it.span.name.as_str()),
            parent => assert!(names.contains_key(&parent), "{it:?}"),
        }
    }
    assert_eq!(roots, ["POST /2.{minor}/profiles/update"]);
}

fn assert_the_way(spans: &[Collected]) {
    let services: BTreeSet<&str> = spans.iter().map(|it| it.service.as_str()).collect();
    let expected = [
        "chappe-automation",
        "chappe-email-sender",
        "chappe-gateway",
        "chappe-identity",
        "chappe-ingestion",
        "chappe-profile-store",
    ];
    assert_eq!(services, expected.into());
    let count = |name: &str, kind: SpanKind| {
        let same = |it: &&Collected| it.span.name == name && it.span.kind() == kind;
        spans.iter().filter(same).count()
    };
    for method in [
        "chappe.ingestion.v1.IngestionService/UpdateProfiles",
        "chappe.identity.v1.IdentityService/Resolve",
        "chappe.profile.v1.ProfileService/ApplyEdits",
    ] {
        assert_eq!(count(method, SpanKind::Client), 1, "{method}");
        assert_eq!(count(method, SpanKind::Server), 1, "{method}");
    }
    assert_eq!(count("process feed", SpanKind::Consumer), 2);
    assert_eq!(count("advance entry", SpanKind::Internal), 1);
    assert_eq!(count("send messages", SpanKind::Producer), 2);
    let mails: Vec<_> = spans.iter().filter(|it| it.span.name == "process messages").collect();
    assert_eq!(mails.len(), 2);
    assert!(
        mails.iter().all(|it| it.text("chappe.message.state") == "accepted"),
        "{mails:?}"
    );
    assert_eq!(count("smtp send", SpanKind::Client), 2);
}

fn hex(id: &[u8]) -> String {
    id.iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
