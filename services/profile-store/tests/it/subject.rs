use chappe_testkit::for_each_backend;

for_each_backend!(
    an_erasure_leaves_nothing,
    a_blocked_person_is_discarded_and_may_come_back_later,
    an_export_tells_everything,
    an_export_may_be_larger_than_a_message,
    an_installation_names_no_app_data,
    an_erasure_may_be_repeated,
);

mod suite {
    use std::collections::HashMap;

    use chappe_kit::grpc::{self, MAX_MESSAGE_BYTES};
    use chappe_proto::{
        privacy::{
            BlockSubjectRequest, EraseSubjectRequest, EraseSubjectResponse, ExportSubjectRequest, Subject,
            VerifyErasedRequest,
        },
        profile as pb,
        types::{Identifier, Installation, identifier::Kind},
    };
    use chappe_store::{RowExt as _, Sql};
    use chappe_testkit::TestDb;
    use sea_orm::DbBackend;
    use serde_json::{Value as Json, json};
    use uuid::Uuid;

    use crate::support::{DAY, EditExt as _, PROJECT, START, Store, edit, event, large_visit, person, string, subject};

    const CANARY: &str = "canary-7f3a";
    const ADDRESS: &str = "canary-7f3a@example.org";

    /// Everything that the service can hold about a person.
    async fn fill(store: &Store) {
        store.interest(&["visit"]).await;
        let mut visit = event(1, "visit", START);
        visit.attributes.insert("note".to_owned(), string(CANARY));
        let mut edit = pb::ProfileEdit {
            custom_id: CANARY.to_owned(),
            ..edit(person(1))
        }
        .set("nickname", CANARY)
        .set("$email_address", ADDRESS)
        .set("$email_marketing", "subscribed");
        edit.events.push(visit);
        store.apply(vec![edit]).await;
        let request = pb::ApplyAppDataRequest {
            app_id: Uuid::from_u128(5).to_string(),
            users: vec![pb::AppUser {
                custom_id: CANARY.to_owned(),
                values: [("u.nickname".to_owned(), string(CANARY))].into(),
                ..pb::AppUser::default()
            }],
        };
        store
            .client()
            .apply_app_data(grpc::call(PROJECT, request))
            .await
            .unwrap();
    }

    async fn erase(store: &Store) -> EraseSubjectResponse {
        let request = EraseSubjectRequest {
            subject: Some(subject(CANARY, &[person(1)])),
        };
        let response = store
            .subjects()
            .erase_subject(grpc::call(PROJECT, request))
            .await
            .unwrap();
        response.into_inner()
    }

    async fn remaining(store: &Store) -> HashMap<String, i64> {
        let request = VerifyErasedRequest {
            subject: Some(subject(CANARY, &[person(1)])),
        };
        let response = store
            .subjects()
            .verify_erased(grpc::call(PROJECT, request))
            .await
            .unwrap();
        response.into_inner().remaining
    }

    /// The tables in which some column of some row holds the canary, as text.
    async fn tables_with_canary(store: &Store) -> Vec<String> {
        let (tables, columns) = match store.test.db().backend() {
            DbBackend::Postgres => (
                "select table_name as name from information_schema.tables where table_schema = current_schema()",
                "select column_name as name from information_schema.columns
                 where table_schema = current_schema() and table_name = {table}",
            ),
            _ => (
                "select name from sqlite_master where type = 'table'",
                "select name from pragma_table_info({table})",
            ),
        };
        let mut found = Vec::new();
        for table in names(store, Sql::new(tables)).await {
            let columns = names(store, Sql::new(columns).bind("table", table.as_str()))
                .await
                .into_iter();
            let holds: Vec<_> = columns
                .map(|column| format!("cast(\"{column}\" as text) like '%{CANARY}%'"))
                .collect();
            let sql = format!("select count(*) as n from \"{table}\" where {}", holds.join(" or "));
            let row = Sql::new(sql.leak()).one(store.test.db().read()).await.unwrap().unwrap();
            if row.get::<i64>("n").unwrap() > 0 {
                found.push(table);
            }
        }
        found.sort();
        found
    }

    async fn names(store: &Store, sql: Sql) -> Vec<String> {
        let rows = sql.all(store.test.db().read()).await.unwrap();
        rows.iter().map(|row| row.get("name").unwrap()).collect()
    }

    pub(super) async fn an_erasure_leaves_nothing(test: TestDb) {
        let store = Store::new(test).await;
        fill(&store).await;
        assert_eq!(
            tables_with_canary(&store).await,
            ["app_users", "events", "feed", "profiles"]
        );
        let all = ["profiles", "profile_activity", "events", "feed", "app_users"];
        let one_each: HashMap<_, _> = all.iter().map(|kind| ((*kind).to_owned(), 1)).collect();
        assert_eq!(remaining(&store).await, one_each);

        let erased = erase(&store).await;
        assert_eq!(erased.deleted, one_each);
        assert_eq!(erased.retained.len(), 2);
        assert_eq!(remaining(&store).await, HashMap::new());
        assert_eq!(tables_with_canary(&store).await, Vec::<String>::new());
        let late = store.apply(vec![edit(person(1)).set("nickname", CANARY)]).await;
        assert_eq!(late[0].state(), pb::EditState::Gone);
        assert_eq!(tables_with_canary(&store).await, Vec::<String>::new());
    }

    pub(super) async fn a_blocked_person_is_discarded_and_may_come_back_later(test: TestDb) {
        let store = Store::new(test).await;
        let request = BlockSubjectRequest {
            subject: Some(subject(CANARY, &[])),
        };
        store
            .subjects()
            .block_subject(grpc::call(PROJECT, request))
            .await
            .unwrap();
        let named = |number| pb::ProfileEdit {
            custom_id: CANARY.to_owned(),
            ..edit(person(number)).set("nickname", "x").event(number, "visit", START)
        };
        let results = store
            .apply(vec![named(1), edit(person(2)).event(50, "visit", START)])
            .await;
        let states: Vec<_> = results
            .iter()
            .map(|result| (result.state(), result.events_applied))
            .collect();
        assert_eq!(states, [(pb::EditState::Applied, 0), (pb::EditState::Applied, 1)]);
        assert_eq!(store.counts().await, (1, 1));
        assert_eq!(tables_with_canary(&store).await, Vec::<String>::new());

        store.advance(DAY * 30);
        store.apply(vec![named(1)]).await;
        assert_eq!(store.counts().await, (2, 2));
    }

    pub(super) async fn an_export_tells_everything(test: TestDb) {
        let store = Store::new(test).await;
        fill(&store).await;
        let documents = export(&store, subject(CANARY, &[person(1)])).await;
        let read = |name: &str| -> Json { serde_json::from_slice(&documents[name]).unwrap() };
        let profile = &read("profile.json")[0];
        assert_eq!(profile["custom_id"], CANARY);
        assert_eq!(profile["attributes"]["nickname"], CANARY);
        assert_eq!(profile["last_activity_at"], "2024-01-15T12:00:00Z");
        let events = &read("events.ndjson");
        assert_eq!(
            (&events["name"], &events["attributes"]["note"]),
            (&json!("visit"), &json!(CANARY))
        );
        assert_eq!(read("subscriptions.json")[0]["$email_marketing"], "subscribed");
        assert_eq!(read("app_data.json")[0]["values"], json!({"u.nickname": CANARY}));
    }

    pub(super) async fn an_export_may_be_larger_than_a_message(test: TestDb) {
        let store = Store::new(test).await;
        let people = [person(1), person(2)];
        for number in [1, 2] {
            store.apply(vec![large_visit(number)]).await;
        }
        let documents = export(&store, subject(CANARY, &people)).await;
        let lines = documents["events.ndjson"].split_inclusive(|byte| *byte == b'\n');
        let events: Vec<Json> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
        assert_eq!(events.len(), 2);
    }

    pub(super) async fn an_installation_names_no_app_data(test: TestDb) {
        let store = Store::new(test).await;
        fill(&store).await;
        let mut anonymous = subject(CANARY, &[person(1)]);
        anonymous.identifier = Some(Identifier {
            kind: Some(Kind::Installation(Installation {
                app_key: "APP".to_owned(),
                installation_id: Uuid::from_u128(3).to_string(),
            })),
        });
        assert!(!export(&store, anonymous.clone()).await.contains_key("app_data.json"));
        let request = EraseSubjectRequest {
            subject: Some(anonymous),
        };
        store
            .subjects()
            .erase_subject(grpc::call(PROJECT, request))
            .await
            .unwrap();
        assert_eq!(remaining(&store).await, [("app_users".to_owned(), 1)].into());
    }

    pub(super) async fn an_erasure_may_be_repeated(test: TestDb) {
        let store = Store::new(test).await;
        fill(&store).await;
        erase(&store).await;
        let again = erase(&store).await;
        assert!(again.deleted.values().all(|rows| *rows == 0), "{:?}", again.deleted);
    }

    async fn export(store: &Store, subject: Subject) -> HashMap<String, Vec<u8>> {
        let request = grpc::call(PROJECT, ExportSubjectRequest { subject: Some(subject) });
        let mut subjects = store.subjects().max_decoding_message_size(MAX_MESSAGE_BYTES);
        let mut stream = subjects.export_subject(request).await.unwrap().into_inner();
        let mut documents: HashMap<_, Vec<u8>> = HashMap::new();
        while let Some(document) = stream.message().await.unwrap() {
            documents
                .entry(document.file_name)
                .or_default()
                .extend_from_slice(&document.content);
        }
        documents
    }
}
