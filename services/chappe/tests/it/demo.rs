use serde_json::json;

use crate::support::{chappe, run};

#[tokio::test]
async fn the_demonstration_finds_nothing_wrong() {
    let ran = run(&mut chappe([
        "demo",
        "--customers",
        "100",
        "--events",
        "300",
        "--output",
        "json",
    ]))
    .await;
    let report = ran.json(0);
    assert_eq!(report["discrepancies"], json!([]));
    assert_eq!(report["profiles"], 100);
    assert!(report["expected"].as_u64() > Some(0), "{report}");
    assert_eq!(report["sent"], report["expected"]);
}
