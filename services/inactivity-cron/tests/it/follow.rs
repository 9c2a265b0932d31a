use chappe_kit::{Error, ErrorKind, Lifecycle, Timestamp};
use chappe_proto::privacy::{Brake, InactivityRun, InactivityState};
use inactivity_cron::{Options, Report, connect, run};
use serde_json::json;
use tonic::Status;

use crate::fake::Fake;

const CUTOFF: Timestamp = Timestamp::from_micros(865_123_200_000_000);

fn at(state: InactivityState, deleted: i64) -> InactivityRun {
    InactivityRun {
        run_id: "run-1".to_owned(),
        state: state.into(),
        cutoff: Some(CUTOFF.into()),
        population: 100,
        candidates: 40,
        deleted,
        dry_run: false,
        brakes: vec![
            Brake {
                name: "ratio".to_owned(),
                tripped: matches!(state, InactivityState::Held),
                detail: "40 of 100".to_owned(),
            },
            Brake {
                name: "freshness".to_owned(),
                tripped: false,
                detail: "fresh".to_owned(),
            },
        ],
    }
}

async fn follow(fake: &Fake, options: Options) -> (Result<Report, Error>, Vec<i64>) {
    let lifecycle = Lifecycle::new();
    let address = fake.serve(&lifecycle).await;
    let client = connect(&address, "rest-key", "project-key").unwrap();
    let mut seen = Vec::new();
    let report = run(client, options, |run| seen.push(run.deleted)).await;
    (report, seen)
}

#[tokio::test]
async fn a_run_is_started_once_and_followed_to_its_end() {
    let fake = Fake::new([
        Ok(at(InactivityState::Planning, 0)),
        Ok(at(InactivityState::Deleting, 25)),
        Ok(at(InactivityState::Succeeded, 40)),
    ]);
    let options = Options {
        as_of: Some(CUTOFF),
        dry_run: false,
        max_ratio: Some(0.5),
        request_id: Some("job-1".to_owned()),
    };
    let (report, seen) = follow(&fake, options).await;
    let report = report.unwrap();
    assert_eq!(seen, [0, 25, 40]);
    assert_eq!(report.exit_code(), 0);
    assert_eq!(
        serde_json::to_value(&report).unwrap(),
        json!({
            "state": "SUCCEEDED", "cutoff": "1997-06-01T00:00:00Z", "population": 100, "candidates": 40,
            "deleted": 40, "brakes": [],
        })
    );
    let started = fake.started();
    assert_eq!(started.len(), 1);
    assert_eq!(
        (started[0].max_ratio, started[0].as_of.map(Timestamp::from)),
        (Some(0.5), Some(CUTOFF))
    );
    assert!(!started[0].request_id.is_empty());
    assert_eq!(fake.asked(), ["run-1", "run-1"]);
    let shown = ("Bearer rest-key".to_owned(), "project-key".to_owned());
    assert!(fake.credentials().iter().all(|credentials| *credentials == shown));
}

#[tokio::test]
async fn a_brake_is_told_with_its_number_and_exits_with_42() {
    let (report, _) = follow(&Fake::new([Ok(at(InactivityState::Held, 0))]), Options::default()).await;
    let report = report.unwrap();
    assert_eq!((report.state.as_str(), report.exit_code()), ("HELD", 42));
    assert_eq!(report.brakes, ["ratio: 40 of 100"]);
    let (report, _) = follow(&Fake::new([Ok(at(InactivityState::Halted, 7))]), Options::default()).await;
    assert_eq!(report.unwrap().exit_code(), 42);
}

#[tokio::test]
async fn a_run_that_failed_exits_with_1() {
    let (report, _) = follow(&Fake::new([Ok(at(InactivityState::Failed, 7))]), Options::default()).await;
    assert_eq!(report.unwrap().exit_code(), 1);
}

#[tokio::test]
async fn privacy_may_be_away_for_a_moment_and_the_start_is_repeated_under_one_id() {
    let fake = Fake::new([
        Err(Status::unavailable("starting")),
        Ok(at(InactivityState::Deleting, 0)),
        Err(Status::unavailable("restarting")),
        Ok(at(InactivityState::Succeeded, 40)),
    ]);
    let (report, seen) = follow(&fake, Options::default()).await;
    assert_eq!((report.unwrap().deleted, seen), (40, vec![0, 40]));
    let started = fake.started();
    assert_eq!(started.len(), 2);
    assert_eq!(started[0].request_id, started[1].request_id);
}

#[tokio::test]
async fn a_refusal_is_final() {
    let off = Status::failed_precondition("the inactivity period of this project is off");
    let fake = Fake::new([Err(off)]);
    let (report, seen) = follow(&fake, Options::default()).await;
    let error = report.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert_eq!(error.message(), "the inactivity period of this project is off");
    assert_eq!((fake.started().len(), seen.len()), (1, 0));
}

#[tokio::test]
async fn an_address_or_key_that_cannot_work_is_refused_at_once() {
    assert_eq!(
        connect("not an address", "k", "p").unwrap_err().reason(),
        "INVALID_FIELD"
    );
    assert_eq!(
        connect("127.0.0.1:1", "line\nbreak", "p").unwrap_err().reason(),
        "INVALID_FIELD"
    );
}
