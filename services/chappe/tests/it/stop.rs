use chappe_testkit::for_each_backend;

for_each_backend!(a_stop_among_calls_keeps_what_was_acknowledged);

mod suite {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use chappe_testkit::TestDb;
    use futures_util::future::join_all;
    use reqwest::StatusCode;
    use serde_json::json;
    use tokio::sync::Notify;

    use crate::support::{Installation, Rest};

    const CALLERS: usize = 8;
    /// Calls that are answered before the stop.
    const BEFORE: usize = 100;

    /// How many were acknowledged, and whoever waits for that.
    #[derive(Default)]
    struct Calls {
        acknowledged: AtomicUsize,
        enough: Notify,
    }

    /// Writes person after person until the mesh does not answer any more, and tells who was acknowledged.
    async fn write(rest: &Rest, caller: usize, calls: &Calls) -> Vec<String> {
        let mut acknowledged = Vec::new();
        for n in 0.. {
            let custom_id = format!("p{caller}-{n}");
            let item = json!({"identifiers": {"custom_id": custom_id}, "events": [{"name": "visit"}]});
            match rest.post_update(&json!([item])).send().await {
                Ok(answer) if answer.status() == StatusCode::ACCEPTED => acknowledged.push(custom_id),
                Ok(_) | Err(_) => break,
            }
            if calls.acknowledged.fetch_add(1, Ordering::Relaxed) == BEFORE {
                calls.enough.notify_one();
            }
        }
        calls.enough.notify_one();
        acknowledged
    }

    pub(super) async fn a_stop_among_calls_keeps_what_was_acknowledged(db: TestDb) {
        let installation = Installation::new(&db).await;
        let mesh = installation.start().await;
        let calls = Calls::default();
        let rest = mesh.rest.clone();
        let writers = join_all((0..CALLERS).map(|caller| write(&rest, caller, &calls)));
        let stop = async {
            calls.enough.notified().await;
            mesh.terminate().await
        };
        let (acknowledged, ended) = tokio::join!(writers, stop);
        assert!(ended.success(), "{ended}");

        let acknowledged = acknowledged.concat();
        assert!(acknowledged.len() > BEFORE);
        let mesh = installation.start().await;
        for custom_id in &acknowledged {
            let path = format!("/chappe/v1/profiles?custom_id={custom_id}");
            let found = mesh.rest.get(&path).send().await.unwrap();
            assert_eq!(found.status(), StatusCode::OK, "{custom_id} is lost");
        }
        let status = installation.status().await;
        assert!(
            status["events"].as_u64() >= u64::try_from(acknowledged.len()).ok(),
            "{status}"
        );
    }
}
