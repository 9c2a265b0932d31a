use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use chappe_kit::{Clock, Timestamp};
use chappe_proto::profile::{self as pb, profile_service_server::ProfileService};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::Gate;

/// Profile-store, as far as inactivity goes: profiles with their last activity.
#[derive(Clone)]
pub(crate) struct Profiles {
    pub(crate) gate: Gate,
    state: Arc<Mutex<State>>,
}

struct State {
    clock: Clock,
    /// Microseconds by which the database is ahead of the service.
    clock_ahead: i64,
    newest_accepted_at: Option<Timestamp>,
    profiles: BTreeMap<Uuid, Timestamp>,
    answers: HashMap<(String, String), pb::DeleteInactiveResponse>,
    failures: Vec<Status>,
    calls: usize,
}

impl Profiles {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            gate: Gate::default(),
            state: Arc::new(Mutex::new(State {
                newest_accepted_at: Some(clock.now()),
                clock,
                clock_ahead: 0,
                profiles: BTreeMap::new(),
                answers: HashMap::new(),
                failures: Vec::new(),
                calls: 0,
            })),
        }
    }

    /// Adds profiles that were last active then.
    pub(crate) fn add(&self, ids: std::ops::Range<u128>, last_activity_at: Timestamp) {
        let mut state = self.state.lock().unwrap();
        state
            .profiles
            .extend(ids.map(|id| (Uuid::from_u128(id), last_activity_at)));
    }

    pub(crate) fn count(&self) -> usize {
        self.state.lock().unwrap().profiles.len()
    }

    pub(crate) fn set_newest_write(&self, at: Option<Timestamp>) {
        self.state.lock().unwrap().newest_accepted_at = at;
    }

    pub(crate) fn set_clock_ahead(&self, micros: i64) {
        self.state.lock().unwrap().clock_ahead = micros;
    }

    /// The next deletions fail so.
    pub(crate) fn fail(&self, failures: Vec<Status>) {
        self.state.lock().unwrap().failures = failures;
    }

    /// Deletions asked for, the repeated ones included.
    pub(crate) fn deletions(&self) -> usize {
        self.state.lock().unwrap().calls
    }
}

impl State {
    fn inactive(&self, cutoff: Option<prost_types::Timestamp>) -> impl Iterator<Item = Uuid> {
        let cutoff = Timestamp::from(cutoff.unwrap());
        let inactive = self.profiles.iter().filter(move |(_, last)| **last < cutoff);
        inactive.map(|(id, _)| *id)
    }

    /// Keeps the contract: a batch of a run that was answered once is answered the same again.
    fn delete(&mut self, request: &pb::DeleteInactiveRequest) -> pb::DeleteInactiveResponse {
        let key = (request.run_id.clone(), request.after_profile_id.clone());
        assert!(!key.0.is_empty(), "a batch names its run");
        if let Some(answer) = self.answers.get(&key) {
            return answer.clone();
        }
        let after = if key.1.is_empty() {
            Uuid::nil()
        } else {
            key.1.parse().unwrap()
        };
        let limit = usize::try_from(request.limit).unwrap();
        let ids: Vec<Uuid> = self
            .inactive(request.cutoff)
            .filter(|id| *id > after)
            .take(limit)
            .collect();
        for id in &ids {
            self.profiles.remove(id);
        }
        let last = ids.last().filter(|_| ids.len() == limit);
        let answer = pb::DeleteInactiveResponse {
            next_after_profile_id: last.map(ToString::to_string).unwrap_or_default(),
            profile_ids: ids.iter().map(ToString::to_string).collect(),
        };
        self.answers.insert(key, answer.clone());
        answer
    }
}

#[async_trait]
impl ProfileService for Profiles {
    async fn plan_inactivity(
        &self,
        request: Request<pb::PlanInactivityRequest>,
    ) -> Result<Response<pb::PlanInactivityResponse>, Status> {
        let state = self.state.lock().unwrap();
        let candidates = state.inactive(request.get_ref().cutoff).count();
        let database_time = Timestamp::from_micros(state.clock.now().micros() + state.clock_ahead);
        Ok(Response::new(pb::PlanInactivityResponse {
            population: i64::try_from(state.profiles.len()).unwrap(),
            candidates: i64::try_from(candidates).unwrap(),
            newest_accepted_at: state.newest_accepted_at.map(Into::into),
            database_time: Some(database_time.into()),
        }))
    }

    async fn delete_inactive(
        &self,
        request: Request<pb::DeleteInactiveRequest>,
    ) -> Result<Response<pb::DeleteInactiveResponse>, Status> {
        self.gate.pass("delete before").await;
        let answer = {
            let mut state = self.state.lock().unwrap();
            state.calls += 1;
            if let Some(failure) = state.failures.pop() {
                return Err(failure);
            }
            state.delete(request.get_ref())
        };
        self.gate.pass("delete").await;
        Ok(Response::new(answer))
    }

    async fn apply_edits(&self, _: Request<pb::ApplyEditsRequest>) -> Result<Response<pb::ApplyEditsResponse>, Status> {
        Err(not_called())
    }

    async fn get_profiles(
        &self,
        _: Request<pb::GetProfilesRequest>,
    ) -> Result<Response<pb::GetProfilesResponse>, Status> {
        Err(not_called())
    }

    async fn evaluate_targeting(
        &self,
        _: Request<pb::EvaluateTargetingRequest>,
    ) -> Result<Response<pb::EvaluateTargetingResponse>, Status> {
        Err(not_called())
    }

    async fn set_interest(
        &self,
        _: Request<pb::SetInterestRequest>,
    ) -> Result<Response<pb::SetInterestResponse>, Status> {
        Err(not_called())
    }

    async fn pull_feed(&self, _: Request<pb::PullFeedRequest>) -> Result<Response<pb::PullFeedResponse>, Status> {
        Err(not_called())
    }

    async fn ack_feed(&self, _: Request<pb::AckFeedRequest>) -> Result<Response<pb::AckFeedResponse>, Status> {
        Err(not_called())
    }

    async fn report_engagement(
        &self,
        _: Request<pb::ReportEngagementRequest>,
    ) -> Result<Response<pb::ReportEngagementResponse>, Status> {
        Err(not_called())
    }

    async fn opt_out(&self, _: Request<pb::OptOutRequest>) -> Result<Response<pb::OptOutResponse>, Status> {
        Err(not_called())
    }

    async fn apply_app_data(
        &self,
        _: Request<pb::ApplyAppDataRequest>,
    ) -> Result<Response<pb::ApplyAppDataResponse>, Status> {
        Err(not_called())
    }

    async fn get_counts(&self, _: Request<pb::GetCountsRequest>) -> Result<Response<pb::GetCountsResponse>, Status> {
        Err(not_called())
    }
}

fn not_called() -> Status {
    Status::unimplemented("privacy does not call this")
}
