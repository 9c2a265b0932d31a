//! `resources:apply` and its neighbours.

use chappe_proto::{
    from_struct, to_struct,
    types::{
        ApplyAction, ApplyResourcesRequest, ApplyResourcesResponse, ApplyResult, DeleteResourceRequest,
        DeleteResourceResponse, Fault, ListResourcesRequest, ListResourcesResponse, Resource,
    },
};
use http::Method;
use serde_json::{Value as Json, json};

use crate::support::{Gateway, Reply, Rest, project};

/// Owners that find fault with every spec that holds `bad`, and hold one sender and one template.
fn gateway() -> Gateway {
    let gateway = Gateway::new();
    gateway.mesh.on("ApplyResources", |request: ApplyResourcesRequest| {
        let results = request.resources.iter().map(|resource| {
            let bad = from_struct(resource.spec.as_ref().unwrap()).contains_key("bad");
            let fault = Fault {
                path: "spec.bad".to_owned(),
                message: "is not known".to_owned(),
            };
            ApplyResult {
                action: if bad {
                    ApplyAction::Unspecified
                } else {
                    ApplyAction::Created
                }
                .into(),
                faults: bad.then_some(fault).into_iter().collect(),
            }
        });
        Ok(ApplyResourcesResponse {
            results: results.collect(),
        })
    });
    gateway.mesh.on("ListResources", |request: ListResourcesRequest| {
        let spec = match request.kind.as_str() {
            "Sender" => json!({"class": "marketing"}),
            "Template" => json!({"subject": "Hello"}),
            _ => return Ok(ListResourcesResponse::default()),
        };
        let resource = Resource {
            kind: request.kind,
            name: "old".to_owned(),
            spec: Some(to_struct(spec.as_object().unwrap())),
            version: 2,
        };
        let wanted = request.name.is_empty() || request.name == "old";
        Ok(ListResourcesResponse {
            resources: wanted.then_some(resource).into_iter().collect(),
        })
    });
    gateway.mesh.on("DeleteResource", |_: DeleteResourceRequest| {
        Ok(DeleteResourceResponse {})
    });
    gateway
}

async fn apply(gateway: &Gateway, dry_run: bool, resources: &Json) -> Reply {
    let body = json!({"dry_run": dry_run, "resources": resources});
    gateway.native("/chappe/v1/resources:apply", &body).await
}

/// What owners were asked: the kind, and whether only to check.
fn asked(gateway: &Gateway) -> Vec<(String, bool)> {
    let calls = gateway
        .mesh
        .calls::<ApplyResourcesRequest>("ApplyResources")
        .into_iter();
    calls
        .map(|call| {
            assert_eq!(call.project, Some(project()));
            (call.message.resources[0].kind.clone(), call.message.validate_only)
        })
        .collect()
}

fn automation(name: &str, template: &str, sender: &str) -> Json {
    let steps = json!([{"delay": "1h"}, {"send": {"template": template, "sender": sender, "class": "marketing"}}]);
    json!({"kind": "Automation", "name": name, "spec": {"steps": steps}})
}

#[tokio::test]
async fn everything_is_checked_before_anything_is_written() {
    let gateway = gateway();
    let resources = json!([
        automation("a", "new", "old"),
        {"kind": "Template", "name": "new", "spec": {}},
        {"kind": "Sender", "name": "s", "spec": {"class": "transactional"}},
        {"kind": "Project", "name": "p", "spec": {}},
    ]);
    apply(&gateway, false, &resources).await.is(
        200,
        r#"{"results":[{"kind":"Automation","name":"a","action":"created"},{"kind":"Template","name":"new","action":"created"},{"kind":"Sender","name":"s","action":"created"},{"kind":"Project","name":"p","action":"created"}]}"#,
    );
    let order = ["Project", "Sender", "Template", "Automation"];
    let expected: Vec<_> = [true, false]
        .into_iter()
        .flat_map(|check| order.map(|kind| (kind.to_owned(), check)))
        .collect();
    assert_eq!(asked(&gateway), expected);
}

#[tokio::test]
async fn a_dry_run_only_checks() {
    let gateway = gateway();
    let resources = json!([{"kind": "Template", "name": "new", "spec": {}}]);
    let reply = apply(&gateway, true, &resources).await;
    assert_eq!(reply.json()["results"][0]["action"], "created");
    assert_eq!(asked(&gateway), [("Template".to_owned(), true)]);
}

#[tokio::test]
async fn faults_of_all_owners_come_together_and_nothing_is_written() {
    let gateway = gateway();
    let resources = json!([
        {"kind": "Sender", "name": "s", "spec": {"class": "transactional"}},
        automation("a", "gone", "s"),
        {"kind": "Template", "name": "t", "spec": {"bad": 1}},
    ]);
    let reply = apply(&gateway, false, &resources).await;
    assert_eq!(reply.status, 400);
    let error = &reply.json()["error"];
    assert_eq!(error["reason"], "INVALID_RESOURCE");
    assert_eq!(
        error["details"],
        json!([
            {"resource": 1, "path": "spec.steps[1].send.template", "message": "there is no Template gone: apply it with this document or before"},
            {"resource": 1, "path": "spec.steps[1].send.class", "message": "the Sender s is transactional: leave class out or write transactional"},
            {"resource": 2, "path": "spec.bad", "message": "is not known"},
        ])
    );
    assert!(asked(&gateway).iter().all(|(_, validate_only)| *validate_only));
}

#[tokio::test]
async fn unknown_kinds_and_repeated_names_reach_no_owner() {
    let gateway = gateway();
    let twice = json!({"kind": "Sender", "name": "s", "spec": {}});
    let resources = json!([{"kind": "Campaign", "name": "c", "spec": {}}, twice, twice]);
    let reply = apply(&gateway, false, &resources).await;
    assert_eq!(
        reply.json()["error"]["details"],
        json!([
            {"resource": 0, "path": "kind", "message": "kind Campaign is not known to this version; known kinds: Project, Sender, Template, Automation"},
            {"resource": 2, "path": "metadata.name", "message": "another Sender in this call has the name s"},
        ])
    );
    assert!(asked(&gateway).is_empty());
}

#[tokio::test]
async fn a_spec_too_deep_to_travel_is_a_fault() {
    let deep: Json = serde_json::from_str(&(r#"{"a":"#.repeat(100) + "1" + &"}".repeat(100))).unwrap();
    let reply = apply(
        &gateway(),
        false,
        &json!([{"kind": "Sender", "name": "s", "spec": deep}]),
    )
    .await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json()["error"]["details"][0]["path"], "spec");
}

#[tokio::test]
async fn the_body_has_a_shape() {
    let gateway = gateway();
    for (body, message) in [
        (json!([]), "malformed parameter: body: must be an object"),
        (json!({}), "missing parameter: resources"),
        (
            json!({"resources": [7]}),
            "malformed parameter: resources[0]: must be an object",
        ),
        (
            json!({"resources": [{"kind": "Sender"}]}),
            "missing parameter: resources[0].name",
        ),
        (
            json!({"resources": [], "dry_run": "yes"}),
            "malformed parameter: dry_run: must be true or false",
        ),
    ] {
        let reply = gateway.native("/chappe/v1/resources:apply", &body).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["error"]["message"]),
            (400, &json!(message))
        );
    }
}

#[tokio::test]
async fn resources_are_listed_and_deleted() {
    let gateway = gateway();
    let sender = r#"{"resources":[{"kind":"Sender","name":"old","spec":{"class":"marketing"},"version":2}]}"#;
    gateway.read("/chappe/v1/resources/Sender").await.is(200, sender);
    gateway.read("/chappe/v1/resources/Sender/old/").await.is(200, sender);
    gateway
        .read("/chappe/v1/resources/Automation")
        .await
        .is(200, r#"{"resources":[]}"#);
    let none = gateway.read("/chappe/v1/resources/Sender/none").await;
    assert_eq!(none.status, 404);
    assert_eq!(none.json()["error"]["message"], "Sender none not found");
    let unknown = gateway.read("/chappe/v1/resources/Label").await;
    assert_eq!(unknown.json()["error"]["reason"], "UNKNOWN_KIND");

    let delete = |path: &str| Rest::new(Method::DELETE, path).project();
    gateway
        .send(delete("/chappe/v1/resources/Template/old"))
        .await
        .is(200, "{}");
    let deleted = &gateway.mesh.calls::<DeleteResourceRequest>("DeleteResource")[0].message;
    assert_eq!((deleted.kind.as_str(), deleted.name.as_str()), ("Template", "old"));
    assert_eq!(
        gateway
            .send(delete("/chappe/v1/resources/Project/default"))
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn what_an_automation_sends_with_is_not_deleted() {
    let gateway = gateway();
    gateway.mesh.on("ListResources", |request: ListResourcesRequest| {
        assert_eq!(request.kind, "Automation");
        let spec = json!({"steps": [{"split": [{"steps": [{"send": {"template": "old", "sender": "shop"}}]}]}]});
        let resource = Resource {
            kind: request.kind,
            name: "thanks".to_owned(),
            spec: Some(to_struct(spec.as_object().unwrap())),
            version: 1,
        };
        Ok(ListResourcesResponse {
            resources: vec![resource],
        })
    });
    let delete = |path: &str| gateway.send(Rest::new(Method::DELETE, path).project());
    let refused = delete("/chappe/v1/resources/Template/old").await;
    assert_eq!(refused.status, 409);
    assert_eq!(
        refused.json()["error"]["message"],
        "the Automation thanks sends with the Template old: apply thanks without it, or delete thanks first"
    );
    assert_eq!(delete("/chappe/v1/resources/Sender/shop").await.status, 409);
    assert_eq!(gateway.mesh.calls::<DeleteResourceRequest>("DeleteResource").len(), 0);
    // The same name of another kind is another thing.
    assert_eq!(delete("/chappe/v1/resources/Sender/old").await.status, 200);
}
