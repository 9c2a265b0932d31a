use chappe_testkit::for_each_backend;

for_each_backend!(
    records_are_merged_overwritten_and_emptied,
    a_blocked_person_is_discarded,
    concurrent_writers_keep_each_others_values,
);

mod suite {
    use chappe_kit::grpc;
    use chappe_proto::{
        privacy::{BlockSubjectRequest, ExportSubjectRequest},
        profile as pb,
    };
    use chappe_testkit::TestDb;
    use serde_json::{Value as Json, json};
    use uuid::Uuid;

    use crate::support::{PROJECT, Store, at_once, string, subject};

    fn user(set: &[&str], removed: &[&str]) -> pb::AppUser {
        pb::AppUser {
            custom_id: "u1".to_owned(),
            overwrite: false,
            values: set.iter().map(|name| ((*name).to_owned(), string("x"))).collect(),
            removed: removed.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn request(users: Vec<pb::AppUser>) -> tonic::Request<pb::ApplyAppDataRequest> {
        let app_id = Uuid::from_u128(5).to_string();
        grpc::call(PROJECT, pb::ApplyAppDataRequest { app_id, users })
    }

    async fn apply(store: &Store, users: Vec<pb::AppUser>) {
        store.client().apply_app_data(request(users)).await.unwrap();
    }

    /// The values held for the person, in every app.
    async fn held(store: &Store) -> Vec<Json> {
        let request = ExportSubjectRequest {
            subject: Some(subject("u1", &[])),
        };
        let response = store
            .subjects()
            .export_subject(grpc::call(PROJECT, request))
            .await
            .unwrap();
        let mut documents = response.into_inner();
        while let Some(document) = documents.message().await.unwrap() {
            if document.file_name == "app_data.json" {
                let records: Vec<Json> = serde_json::from_slice(&document.content).unwrap();
                return records.into_iter().map(|record| record["values"].clone()).collect();
            }
        }
        panic!("the export has app data");
    }

    pub(super) async fn records_are_merged_overwritten_and_emptied(test: TestDb) {
        let store = Store::new(test).await;
        apply(&store, vec![user(&["u.a", "u.b"], &[]), user(&["u.c"], &["u.a"])]).await;
        assert_eq!(held(&store).await, [json!({"u.b": "x", "u.c": "x"})]);
        let overwrite = pb::AppUser {
            overwrite: true,
            ..user(&["u.d"], &[])
        };
        apply(&store, vec![overwrite]).await;
        assert_eq!(held(&store).await, [json!({"u.d": "x"})]);
        apply(&store, vec![user(&[], &["u.d"])]).await;
        assert_eq!(held(&store).await, Vec::<Json>::new(), "an empty record is no record");
        assert_eq!(store.counts().await, (0, 0), "profiles are another model");
    }

    pub(super) async fn a_blocked_person_is_discarded(test: TestDb) {
        let store = Store::new(test).await;
        let block = BlockSubjectRequest {
            subject: Some(subject("u1", &[])),
        };
        store
            .subjects()
            .block_subject(grpc::call(PROJECT, block))
            .await
            .unwrap();
        apply(&store, vec![user(&["u.a"], &[])]).await;
        assert_eq!(held(&store).await, Vec::<Json>::new());
    }

    pub(super) async fn concurrent_writers_keep_each_others_values(test: TestDb) {
        let store = Store::new(test).await;
        at_once(6, |number| {
            let mut client = store.client();
            async move {
                let name = format!("u.a{number}");
                client.apply_app_data(request(vec![user(&[&name], &[])])).await.unwrap();
            }
        })
        .await;
        assert_eq!(held(&store).await[0].as_object().unwrap().len(), 6);
    }
}
