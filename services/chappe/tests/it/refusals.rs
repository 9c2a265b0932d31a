//! What the command line says when it cannot do what it is told.

use std::net::TcpListener;

use chappe_testkit::for_each_backend;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::support::{chappe, run};

for_each_backend!(a_fault_in_a_resource_is_refused_at_its_place);

#[tokio::test]
async fn a_port_in_use_is_named_with_the_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = TempDir::new().unwrap();
    for (listener, flag) in [
        ("REST", "--rest"),
        ("gRPC", "--grpc"),
        ("metrics and probes", "--admin"),
    ] {
        let mut command = chappe(["up"]);
        for other in ["--rest", "--grpc", "--admin"] {
            command.args([other, if other == flag { &address } else { "127.0.0.1:0" }]);
        }
        let ran = run(command.arg("--data-dir").arg(directory.path())).await;
        let said = ran.refusal();
        for word in [listener, flag, &address] {
            assert!(said.contains(word), "{word} is not in {said}");
        }
        assert_eq!(ran.stdout, "");
    }
}

#[tokio::test]
async fn a_data_directory_in_use_is_named_with_the_remedy() {
    let directory = TempDir::new().unwrap();
    let held = std::fs::File::create(directory.path().join("lock")).unwrap();
    held.lock().unwrap();
    let ran = run(chappe(["up", "--data-dir"]).arg(directory.path())).await;
    let said = ran.refusal();
    assert!(
        said.contains(directory.path().to_str().unwrap()) && said.contains("--data-dir"),
        "{said}"
    );
}

#[tokio::test]
async fn data_of_another_master_key_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let command = |arguments: &[&str], key: &str| {
        let mut command = chappe(arguments);
        command.arg("--data-dir").arg(directory.path());
        command.env("CHAPPE__KEYS__MASTER", key.repeat(32));
        command
    };
    let migrated = run(&mut command(&["migrate"], "5e")).await;
    assert!(
        migrated.stdout.contains("identity: applied m0001_initial"),
        "{migrated:?}"
    );
    let free = [
        "up",
        "--rest",
        "127.0.0.1:0",
        "--grpc",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
    ];
    let ran = run(&mut command(&free, "66")).await;
    let said = ran.refusal();
    for word in ["another master key", "keys.master", directory.path().to_str().unwrap()] {
        assert!(said.contains(word), "{word} is not in {said}");
    }
}

#[tokio::test]
async fn a_setting_that_does_not_exist_is_an_error() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("chappe.yaml");
    std::fs::write(&file, "database: { max_conections: 4 }\n").unwrap();
    let ran = run(chappe(["up", "--dump-config", "--config"]).arg(&file)).await;
    let said = ran.refusal();
    for word in ["max_conections", "max_connections", "chappe.yaml"] {
        assert!(said.contains(word), "{word} is not in {said}");
    }
    let ran = run(chappe(["up", "--dump-config"]).env("CHAPPE__GATEWAY__PROT", "1")).await;
    assert!(ran.refusal().contains("prot"), "{ran:?}");
}

#[tokio::test]
async fn a_dump_of_the_settings_masks_every_secret() {
    let directory = TempDir::new().unwrap();
    let key = directory.path().join("key");
    std::fs::write(&key, format!("{}\n", "5ec2e7".repeat(11))).unwrap();
    let mut command = chappe(["up", "--dump-config", "--database-url", "postgres://u:5ec2e7@h/d"]);
    command.args([
        "--redis-url",
        "redis://:5ec2e7@h",
        "--smtp",
        "smtp://u:5ec2e7@localhost",
    ]);
    let ran = run(command.env("CHAPPE__KEYS__MASTER_FILE", key)).await;
    let settings: Json = ran.json(0);
    assert!(!ran.stdout.contains("5ec2e7"), "{ran:?}");
    for secret in ["/database/url", "/coordination/redis_url", "/keys/master"] {
        assert_eq!(settings.pointer(secret).unwrap(), "***", "{secret}");
    }
}

mod suite {
    use chappe_testkit::TestDb;

    use crate::support::Installation;

    const RESOURCES: &str = "\
apiVersion: chappe/v1
kind: Template
metadata: { name: welcome }
spec: { subject: Welcome, text: Hello }
---
apiVersion: chappe/v1
kind: Automation
metadata: { name: welcome }
spec:
  state: RUNNING
  trigger: { event: signed_up }
  steps:
    - delay: 10m
    - sent: { template: welcome, sender: shop }
";

    pub(super) async fn a_fault_in_a_resource_is_refused_at_its_place(db: TestDb) {
        let installation = Installation::new(&db).await;
        let _mesh = installation.start().await;
        let file = installation.file("welcome.yaml", RESOURCES);
        let ran = installation.run(&["apply", "--file", &file]).await;
        assert!(ran.refusal().contains(&format!("{file}:14:7: ")), "{ran:?}");
        // All or nothing.
        let templates = installation.json(&["get", "templates"]).await;
        assert_eq!(templates["resources"], serde_json::json!([]));
    }
}
