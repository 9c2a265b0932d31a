use chappe_testkit::for_each_backend;

for_each_backend!(
    an_import_names_bad_rows_and_may_be_repeated,
    addresses_are_imported_row_by_row,
    an_import_that_was_killed_is_completed_by_the_next,
);

mod suite {
    use std::fmt::Write as _;

    use chappe_testkit::TestDb;
    use serde_json::{Value as Json, json};
    use tokio::{io::AsyncWriteExt, net::unix::pipe, process::Command};

    use crate::support::Installation;

    /// Purchases of so many people, one each.
    fn purchases(people: usize) -> String {
        let mut csv = "custom_id,event,time,amount:float\n".to_owned();
        for n in 0..people {
            writeln!(csv, "p{n},purchase,2024-05-{:02},{n}.5", n % 28 + 1).unwrap();
        }
        csv
    }

    async fn counts(installation: &Installation) -> (Json, Json) {
        let mut status = installation.status().await;
        (status["profiles"].take(), status["events"].take())
    }

    pub(super) async fn an_import_names_bad_rows_and_may_be_repeated(db: TestDb) {
        let installation = Installation::new(&db).await;
        let _mesh = installation.start().await;
        let csv = purchases(500).replace("p99,purchase,2024-05-16", "p99,purchase,yesterday");
        let file = installation.file("purchases.csv", &csv.replace("p299,", ","));
        for (applied, duplicates) in [(498, 0), (0, 498)] {
            let ran = installation.run(&["import", "events", &file]).await;
            let expected = json!({"rows": 500, "applied": applied, "duplicates": duplicates, "rejected": 2});
            assert_eq!(ran.json(0), expected);
            assert!(
                ran.stderr.contains(&format!("{file}:101: time: is not a time")),
                "{ran:?}"
            );
            assert!(
                ran.stderr.contains(&format!("{file}:301: custom_id: is empty")),
                "{ran:?}"
            );
            assert_eq!(counts(&installation).await, (json!(498), json!(498)));
        }
    }

    pub(super) async fn addresses_are_imported_row_by_row(db: TestDb) {
        let installation = Installation::new(&db).await;
        let _mesh = installation.start().await;
        let csv = "\
email,custom_user_id,marketing_subscription,language,region,timezone
ada@example.org,ada,1,fr,FR,Europe/Paris
nobody,bob,1,,,
cyd@example.org,cyd,0,,,
";
        let file = installation.file("addresses.csv", csv);
        let errors = json!([{"row": 3, "column": "email", "reason": "invalid email address"}]);
        let expected = json!({"rows": 3, "applied": 2, "rejected": 1, "errors": errors});
        for _ in 0..2 {
            assert_eq!(installation.json(&["import", "emails", &file]).await, expected);
        }
        let ada = installation.json(&["get", "profile", "ada"]).await;
        let attributes = json!({
            "$email_address": "ada@example.org", "$email_marketing": "subscribed", "$language": "fr", "$region": "FR",
            "$timezone": "Europe/Paris",
        });
        assert_eq!(ada["attributes"], attributes);
        assert_eq!(counts(&installation).await, (json!(2), json!(0)));
    }

    pub(super) async fn an_import_that_was_killed_is_completed_by_the_next(db: TestDb) {
        let installation = Installation::new(&db).await;
        let _mesh = installation.start().await;
        let csv = purchases(8_000);
        // A file whose last quarter does not come: whatever is done by then, the import is not.
        let part = installation.path("part.csv");
        assert!(Command::new("mkfifo").arg(&part).status().await.unwrap().success());
        let mut writer = pipe::OpenOptions::new().read_write(true).open_sender(&part).unwrap();
        let mut import = installation
            .command(&["import", "events", part.to_str().unwrap()])
            .spawn()
            .unwrap();
        writer.write_all(&csv.as_bytes()[..csv.len() * 3 / 4]).await.unwrap();
        let status = installation
            .status_when("a part is imported", |status| status["events"].as_u64() > Some(0))
            .await;
        import.kill().await.unwrap();
        assert!(status["events"].as_u64() < Some(8_000));

        let file = installation.file("purchases.csv", &csv);
        let summary = installation.json(&["import", "events", &file]).await;
        assert_eq!((&summary["rows"], &summary["rejected"]), (&json!(8_000), &json!(0)));
        assert!(summary["duplicates"].as_u64() >= status["events"].as_u64(), "{summary}");
        assert_eq!(counts(&installation).await, (json!(8_000), json!(8_000)));
    }
}
