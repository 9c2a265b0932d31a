//! Whatever is sent, the gateway is not the one to fail.

use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::support::{APP_KEY, Gateway, Rest};

const PATHS: [&str; 5] = [
    "/2.9/profiles/update",
    "/2.4/profiles/update",
    "/chappe/v1/imports/events",
    "/chappe/v1/resources:apply",
    "/chappe/v1/privacy/requests",
];

/// JSON of any shape, with the words of the API in it.
fn document() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "identifiers",
        "custom_id",
        "installation",
        "attributes",
        "events",
        "items",
        "resources",
        "kind",
        "name",
        "spec",
        "Automation",
        "steps",
        "send",
        "type",
        "id",
    ]);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("1e999".to_owned()),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        ".{0,5}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        word.clone().prop_map(|word| format!("\"{word}\"")),
    ];
    leaf.prop_recursive(6, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((word.clone(), inner), 0..5).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn never_fails(body: &[u8]) -> Result<(), TestCaseError> {
    let gateway = Gateway::new();
    let runtime = runtime();
    let app = format!("/1.0/{APP_KEY}/gdpr/request");
    for path in PATHS.into_iter().chain([app.as_str()]) {
        let reply = runtime.block_on(gateway.send(Rest::post(path).project().body(body.to_vec())));
        prop_assert!(!reply.status.is_server_error(), "{path}: {}", reply.text());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_the_clients_fault(body in prop::collection::vec(any::<u8>(), 0..64)) {
        never_fails(&body)?;
    }

    #[test]
    fn arbitrary_json_is_the_clients_fault(body in document()) {
        never_fails(body.as_bytes())?;
    }

    #[test]
    fn arbitrary_headers_are_the_clients_fault(
        name in prop::sample::select(vec!["authorization", "x-batch-project", "idempotency-key", "traceparent", "content-encoding", "host"]),
        value in prop::collection::vec(32_u8..=255, 0..200),
    ) {
        prop_assume!(!value.contains(&127));
        let gateway = Gateway::new();
        let value = http::HeaderValue::from_bytes(&value).unwrap();
        let rest = Rest::post("/2.9/profiles/update").project().raw_header(name, value).body("[]");
        let reply = runtime().block_on(gateway.send(rest));
        prop_assert!(!reply.status.is_server_error());
    }
}
