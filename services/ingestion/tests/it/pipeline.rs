use std::time::Duration;

use chappe_kit::{Error, ErrorKind};
use chappe_proto::ingestion::UpdateProfilesRequest;
use tonic::Status;
use uuid::Uuid;

use crate::support::{item, start};

#[tokio::test]
async fn a_committed_event_is_not_sent_again() {
    let fixture = start();
    let first = fixture.update(vec![item("ada", &["one", "two"])]).await.unwrap();
    assert_eq!((first.events_applied, first.events_duplicate), (2, 0));
    let again = fixture.update(vec![item("ada", &["one", "two"])]).await.unwrap();
    assert_eq!((again.events_applied, again.events_duplicate), (0, 2));
    assert_eq!(fixture.rounds(), 1, "the marks saved the second call to the store");
}

#[tokio::test]
async fn events_without_a_name_are_never_duplicates() {
    let fixture = start();
    let mut visit = item("ada", &[]);
    visit.events = serde_json::from_str(r#"[{"name": "visit"}, {"name": "visit"}]"#).ok();
    for _ in 0..2 {
        let answer = fixture.update(vec![visit.clone()]).await.unwrap();
        assert_eq!((answer.events_applied, answer.events_duplicate), (2, 0));
    }
}

#[tokio::test]
async fn a_mark_does_not_outlive_its_profile() {
    let fixture = start();
    fixture.update(vec![item("ada", &["one"])]).await.unwrap();
    {
        let mut world = fixture.world.lock().unwrap();
        let profile = world.people.remove("ada").unwrap();
        world.gone.insert(profile);
        world.events.clear();
    }
    let back = fixture.update(vec![item("ada", &["one"])]).await.unwrap();
    assert_eq!((back.events_applied, back.events_duplicate), (1, 0));
}

#[tokio::test]
async fn a_profile_deleted_in_between_gets_a_successor() {
    let fixture = start();
    let stale = Uuid::new_v4();
    {
        let mut world = fixture.world.lock().unwrap();
        world.people.insert("ada".to_owned(), stale);
        world.gone.insert(stale);
    }
    let answer = fixture
        .update(vec![item("ada", &["one"]), item("bob", &["two"])])
        .await
        .unwrap();
    assert_eq!(answer.events_applied, 2);
    let world = fixture.world.lock().unwrap();
    assert_ne!(world.people["ada"], stale);
    let last = world.applied.last().unwrap();
    assert_eq!(
        last.edits.len(),
        1,
        "only the edit that was not applied goes round again"
    );
    assert_eq!(last.edits[0].profile_id, world.people["ada"].to_string());
    assert_eq!(
        last.edits[0].events[0].event_id,
        world.applied[0].edits[0].events[0].event_id
    );
}

#[tokio::test]
async fn data_of_an_erased_person_is_a_success_and_goes_nowhere() {
    let fixture = start();
    fixture.world.lock().unwrap().blocked.insert("ada".to_owned());
    let answer = fixture.update(vec![item("ada", &["one"])]).await.unwrap();
    assert!(answer.errors.is_empty());
    assert_eq!(fixture.rounds(), 0);
}

#[tokio::test]
async fn a_store_that_stumbles_is_asked_again() {
    let fixture = start();
    let conflict = Error::new(ErrorKind::Aborted, "WRITE_CONFLICT", "somebody was faster");
    let conflict = conflict.retry_after(Duration::from_millis(20));
    fixture
        .world
        .lock()
        .unwrap()
        .faults
        .extend([Status::unavailable("restarting"), conflict.into()]);
    let answer = fixture.update(vec![item("ada", &["one"])]).await.unwrap();
    assert_eq!(answer.events_applied, 1);
}

#[tokio::test]
async fn a_store_that_is_down_is_told_as_such_and_marks_nothing() {
    let fixture = start();
    fixture
        .world
        .lock()
        .unwrap()
        .faults
        .extend((0..4).map(|_| Status::unavailable("down")));
    let refused = Error::from(fixture.update(vec![item("ada", &["one"])]).await.unwrap_err());
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.retry_delay().is_some());
    assert_eq!(
        fixture
            .update(vec![item("ada", &["one"])])
            .await
            .unwrap()
            .events_applied,
        1
    );
}

#[tokio::test]
async fn faults_are_told_and_the_rest_is_applied() {
    let fixture = start();
    let request = UpdateProfilesRequest {
        items: vec![item("ada", &["one"]), item("null", &["two"]), item("bob", &["three"])],
        first_index: 1_000,
        ..UpdateProfilesRequest::default()
    };
    let answer = fixture.send(request).await.unwrap();
    assert_eq!((answer.events_applied, answer.events_refused), (2, 1));
    let error = &answer.errors[0];
    assert_eq!((error.category.as_str(), error.bulk_index), ("identifier", 1_001));
    assert_eq!(error.reason, "custom_id is blocklisted");
}

#[tokio::test]
async fn a_key_makes_a_repetition_name_the_same_events() {
    let fixture = start();
    let mut visit = item("ada", &[]);
    visit.events = serde_json::from_str(r#"[{"name": "visit"}]"#).ok();
    let request = UpdateProfilesRequest {
        items: vec![visit],
        idempotency_key: "k-1".to_owned(),
        ..UpdateProfilesRequest::default()
    };
    fixture.send(request.clone()).await.unwrap();
    fixture.send(request).await.unwrap();
    let world = fixture.world.lock().unwrap();
    assert_eq!(world.events.len(), 1);
    let keys: Vec<_> = world
        .applied
        .iter()
        .map(|applied| applied.idempotency.clone().unwrap())
        .collect();
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys[0].key, "k-1");
}
