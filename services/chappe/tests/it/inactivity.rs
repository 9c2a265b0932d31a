use chappe_testkit::for_each_backend;

for_each_backend!(a_run_deletes_exactly_the_inactive_and_only_with_leave);

mod suite {
    use chappe_testkit::TestDb;
    use serde_json::{Value as Json, json};

    use crate::support::Installation;

    /// Who was last active when: 13 months before 2022 are over for the first three.
    const HISTORY: &str = "\
custom_id,event,time
old1,visit,2019-03-01
old2,visit,2020-06-30
old3,visit,2020-11-30
new1,visit,2020-12-01
new2,visit,2021-08-15
old3,visit,2018-01-01
new1,visit,2018-01-01
";
    const RUN: [&str; 4] = ["inactivity", "run", "--as-of", "2022-01-01T00:00:00Z"];
    /// What a brake is worth to a script.
    const HELD: i32 = 42;

    async fn run(installation: &Installation, arguments: &[&str], code: i32) -> Json {
        let ran = installation.run(&[&RUN, arguments].concat()).await;
        ran.json(code)
    }

    fn report(state: &str, population: i64, candidates: i64, deleted: i64, brakes: &[&str]) -> Json {
        json!({
            "state": state, "cutoff": "2020-12-01T00:00:00Z", "population": population, "candidates": candidates,
            "deleted": deleted, "brakes": brakes,
        })
    }

    pub(super) async fn a_run_deletes_exactly_the_inactive_and_only_with_leave(db: TestDb) {
        let installation = Installation::new(&db).await;
        let mesh = installation.start().await;
        let file = installation.file("history.csv", HISTORY);
        installation.json(&["import", "events", &file]).await;
        let come = |custom_id| json!([{"identifiers": {"custom_id": custom_id}, "attributes": {"city": "Brûlon"}}]);
        mesh.rest.update(&come("today")).await;
        let first = installation.json(&["get", "profile", "old1"]).await;

        let ratio = ["ratio: 3 of 6 profiles are 50.00 %, at most 5.00 % may go"];
        let dry = run(&installation, &["--dry-run"], 0).await;
        assert_eq!(dry, report("SUCCEEDED", 6, 3, 0, &ratio));
        let held = run(&installation, &[], HELD).await;
        assert_eq!(held, report("HELD", 6, 3, 0, &ratio));
        assert_eq!(installation.status().await["profiles"], 6);

        let done = run(&installation, &["--max-ratio", "0.5"], 0).await;
        assert_eq!(done, report("SUCCEEDED", 6, 3, 3, &[]));
        for (custom_id, is_there) in [
            ("old1", false),
            ("old2", false),
            ("old3", false),
            ("new1", true),
            ("new2", true),
            ("today", true),
        ] {
            let found = installation.run(&["get", "profile", custom_id]).await;
            assert_eq!(found.code == Some(0), is_there, "{custom_id}: {found:?}");
        }
        let status = installation.status().await;
        assert_eq!((&status["profiles"], &status["events"]), (&json!(3), &json!(3)));

        // Who comes back begins anew.
        mesh.rest.update(&come("old1")).await;
        let again = installation.json(&["get", "profile", "old1"]).await;
        assert_ne!(again["profile_id"], first["profile_id"]);
        assert_eq!(run(&installation, &[], 0).await, report("SUCCEEDED", 4, 0, 0, &[]));
    }
}
