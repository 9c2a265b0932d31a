use chappe_testkit::for_each_backend;

for_each_backend!(
    an_export_tells_every_entry,
    an_erasure_removes_everything_and_nothing_in_flight_brings_it_back,
    an_erasure_leaves_other_projects_alone,
);

mod suite {
    use automation::Job;
    use chappe_ids::{ProfileId, ProjectId};
    use chappe_kit::grpc::call;
    use chappe_proto::privacy::{EraseSubjectRequest, ExportSubjectRequest, Subject, VerifyErasedRequest};
    use chappe_testkit::TestDb;

    use crate::support::{Mesh, OTHER_PROJECT, PROJECT, Process, profile, thanks};

    fn subject(profile: ProfileId) -> Subject {
        Subject {
            identifier: None,
            profile_ids: vec![profile.to_string()],
        }
    }

    async fn remaining(process: &Process, project: ProjectId, profile: ProfileId) -> Vec<(String, i64)> {
        let request = VerifyErasedRequest {
            subject: Some(subject(profile)),
        };
        let mut subjects = process.subjects.clone();
        let answer = subjects
            .verify_erased(call(project, request))
            .await
            .unwrap()
            .into_inner();
        let mut remaining: Vec<_> = answer.remaining.into_iter().collect();
        remaining.sort();
        remaining
    }

    async fn erase(process: &Process, project: ProjectId, profile: ProfileId) -> i64 {
        let request = EraseSubjectRequest {
            subject: Some(subject(profile)),
        };
        let mut subjects = process.subjects.clone();
        let answer = subjects
            .erase_subject(call(project, request))
            .await
            .unwrap()
            .into_inner();
        answer.deleted.values().sum()
    }

    pub(super) async fn an_export_tells_every_entry(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        mesh.happens(PROJECT, profile(2), "purchase");
        process.work().await;
        let request = ExportSubjectRequest {
            subject: Some(subject(profile(1))),
        };
        let mut subjects = process.subjects.clone();
        let mut stream = subjects
            .export_subject(call(PROJECT, request))
            .await
            .unwrap()
            .into_inner();
        let file = stream.message().await.unwrap().unwrap();
        assert_eq!(file.file_name, "entries.json");
        let entries: serde_json::Value = serde_json::from_slice(&file.content).unwrap();
        assert_eq!(entries.as_array().unwrap().len(), 1);
        assert_eq!(entries[0]["automation"], "thanks");
        assert_eq!(entries[0]["state"], "live");
        assert_eq!(entries[0]["event"]["attributes"]["n"], 1);
        assert!(stream.message().await.unwrap().is_none());
    }

    pub(super) async fn an_erasure_removes_everything_and_nothing_in_flight_brings_it_back(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        process.turn(Job::Feed).await;
        mesh.pass(10);
        process.turn(Job::Timers).await;
        let tables: Vec<_> = remaining(&process, PROJECT, profile(1))
            .await
            .into_iter()
            .map(|row| row.0)
            .collect();
        assert_eq!(tables, ["entries", "open_messages", "outbox", "processed_events"]);
        assert_eq!(erase(&process, PROJECT, profile(1)).await, 4);
        assert_eq!(remaining(&process, PROJECT, profile(1)).await, []);

        mesh.happens(PROJECT, profile(1), "purchase");
        process.work().await;
        mesh.pass(7_200);
        process.work().await;
        assert!(mesh.peers.state().enqueued.is_empty());
        assert_eq!(process.entries().await, [0, 0, 0, 0]);
        assert_eq!(remaining(&process, PROJECT, profile(1)).await, []);
    }

    pub(super) async fn an_erasure_leaves_other_projects_alone(db: TestDb) {
        let (mesh, process) = Mesh::alone(db).await;
        process.apply(PROJECT, "thanks", &thanks()).await;
        mesh.happens(PROJECT, profile(1), "purchase");
        process.work().await;
        assert_eq!(erase(&process, OTHER_PROJECT, profile(1)).await, 0);
        assert_eq!(process.entries().await, [1, 0, 0, 0]);
    }
}
