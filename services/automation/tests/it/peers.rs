//! Peers that record what they are told and answer what the test wants.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chappe_ids::ProjectId;
use chappe_kit::grpc::caller::project_of;
use chappe_proto::{
    email::{self as email, email_service_server::EmailService},
    profile::{self as profile, profile_service_server::ProfileService},
    types,
};
use tokio::sync::oneshot;
use tonic::{Code, Request, Response, Status, async_trait};

/// What the peers know and were told.
#[derive(Default)]
pub(crate) struct State {
    /// Rows that were not acknowledged.
    pub(crate) feed: Vec<profile::FeedRow>,
    /// The most rows of one answer.
    pub(crate) rows_per_pull: Option<usize>,
    /// An attribute of every profile.
    pub(crate) note: String,
    /// Whether acknowledgements get lost.
    pub(crate) loses_acks: bool,
    /// Interest, as last told, and everything ever told.
    pub(crate) interest: HashMap<ProjectId, Vec<String>>,
    pub(crate) told: Vec<Vec<String>>,
    /// The failure of the next calls, by method.
    pub(crate) failing: HashMap<&'static str, Code>,
    /// Profiles that no query selects.
    pub(crate) untargeted: HashSet<String>,
    /// Stops the next evaluation: tells that it was reached, and waits.
    pub(crate) gate: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
    /// Messages by id, as first enqueued.
    pub(crate) enqueued: HashMap<String, (ProjectId, email::OutgoingMessage)>,
    /// Calls of Enqueue.
    pub(crate) enqueue_calls: usize,
    /// Whether Enqueue does its work and its answer gets lost.
    pub(crate) loses_answers: bool,
    /// Told when messages are enqueued.
    pub(crate) on_enqueue: Option<oneshot::Sender<()>>,
    /// A template that Enqueue refuses.
    pub(crate) refused_template: Option<&'static str>,
    /// Messages asked back.
    pub(crate) cancelled: Vec<String>,
    pub(crate) outcomes: Vec<email::Outcome>,
}

impl State {
    fn check(&self, method: &str) -> Result<(), Status> {
        match self.failing.get(method) {
            Some(code) => Err(Status::new(*code, "on purpose")),
            None => Ok(()),
        }
    }

    /// Steps of the messages that were enqueued, sorted.
    pub(crate) fn steps(&self) -> Vec<String> {
        let mut steps: Vec<_> = self
            .enqueued
            .values()
            .map(|(_, message)| message.step.clone())
            .collect();
        steps.sort();
        steps
    }
}

#[derive(Clone, Default)]
pub(crate) struct Peers(Arc<Mutex<State>>);

impl Peers {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A long poll without a result lasts as long as it was asked to.
async fn wait_if(is_empty: bool, wait_ms: i32) {
    if is_empty && wait_ms > 0 {
        let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap());
        let _elapsed = tokio::time::timeout(wait, std::future::pending::<()>()).await;
    }
}

/// Methods that automation never calls.
macro_rules! not_called {
    ($($method:ident: $request:ty => $response:ty;)*) => {$(
        fn $method<'a: 'b, 'b>(
            &'a self,
            _request: Request<$request>,
        ) -> std::pin::Pin<Box<dyn Future<Output = Result<Response<$response>, Status>> + Send + 'b>>
        where
            Self: 'b,
        {
            Box::pin(async { Err(Status::unimplemented("automation does not call this")) })
        }
    )*};
}

#[async_trait]
impl ProfileService for Peers {
    async fn evaluate_targeting(
        &self,
        request: Request<profile::EvaluateTargetingRequest>,
    ) -> Result<Response<profile::EvaluateTargetingResponse>, Status> {
        let gate = self.state().gate.take();
        if let Some((reached, go_on)) = gate {
            reached.send(()).unwrap();
            go_on.await.unwrap();
        }
        let state = self.state();
        state.check("evaluate_targeting")?;
        let checks = request.into_inner().checks.into_iter();
        let matches = checks
            .map(|check| !state.untargeted.contains(&check.profile_id))
            .collect();
        Ok(Response::new(profile::EvaluateTargetingResponse { matches }))
    }

    async fn get_profiles(
        &self,
        request: Request<profile::GetProfilesRequest>,
    ) -> Result<Response<profile::GetProfilesResponse>, Status> {
        let note = types::Value {
            kind: Some(types::value::Kind::StringValue(self.state().note.clone())),
        };
        let profiles = request
            .into_inner()
            .profile_ids
            .into_iter()
            .map(|profile_id| profile::ProfileResult {
                profile: Some(profile::Profile {
                    profile_id,
                    attributes: HashMap::from([("note".to_owned(), note.clone())]),
                    ..profile::Profile::default()
                }),
                moved_to_profile_id: String::new(),
            });
        Ok(Response::new(profile::GetProfilesResponse {
            profiles: profiles.collect(),
            read_at: None,
        }))
    }

    async fn set_interest(
        &self,
        request: Request<profile::SetInterestRequest>,
    ) -> Result<Response<profile::SetInterestResponse>, Status> {
        let project = project_of(&request)?;
        let names = request.into_inner().event_names;
        let mut state = self.state();
        state.check("set_interest")?;
        state.told.push(names.clone());
        state.interest.insert(project, names);
        Ok(Response::new(profile::SetInterestResponse {}))
    }

    async fn pull_feed(
        &self,
        request: Request<profile::PullFeedRequest>,
    ) -> Result<Response<profile::PullFeedResponse>, Status> {
        let profile::PullFeedRequest {
            lanes,
            wait_ms,
            profile_ids,
            ..
        } = request.into_inner();
        let rows: Vec<_> = {
            let state = self.state();
            state.check("pull_feed")?;
            let is_wanted = |id| profile_ids.is_empty() || profile_ids.contains(id);
            let rows = state.feed.iter();
            rows.filter(|row| lanes.contains(&row.lane) && is_wanted(&row.profile_id))
                .take(state.rows_per_pull.unwrap_or(usize::MAX))
                .cloned()
                .collect()
        };
        wait_if(rows.is_empty(), wait_ms).await;
        Ok(Response::new(profile::PullFeedResponse { rows }))
    }

    async fn ack_feed(
        &self,
        request: Request<profile::AckFeedRequest>,
    ) -> Result<Response<profile::AckFeedResponse>, Status> {
        let mut state = self.state();
        if state.loses_acks {
            return Err(Status::unavailable("lost on purpose"));
        }
        for acked in request.into_inner().rows {
            state.feed.retain(|row| row.row_id != acked.row_id);
        }
        Ok(Response::new(profile::AckFeedResponse {}))
    }

    not_called! {
        apply_edits: profile::ApplyEditsRequest => profile::ApplyEditsResponse;
        report_engagement: profile::ReportEngagementRequest => profile::ReportEngagementResponse;
        opt_out: profile::OptOutRequest => profile::OptOutResponse;
        apply_app_data: profile::ApplyAppDataRequest => profile::ApplyAppDataResponse;
        plan_inactivity: profile::PlanInactivityRequest => profile::PlanInactivityResponse;
        delete_inactive: profile::DeleteInactiveRequest => profile::DeleteInactiveResponse;
        get_counts: profile::GetCountsRequest => profile::GetCountsResponse;
    }
}

#[async_trait]
impl EmailService for Peers {
    async fn enqueue(
        &self,
        request: Request<email::EnqueueRequest>,
    ) -> Result<Response<email::EnqueueResponse>, Status> {
        let project = project_of(&request)?;
        let mut state = self.state();
        state.enqueue_calls += 1;
        state.check("enqueue")?;
        let messages = request.into_inner().messages;
        if messages
            .iter()
            .any(|message| state.refused_template == Some(message.template.as_str()))
        {
            return Err(Status::invalid_argument("no such template"));
        }
        for message in messages {
            let id = message.message_id.clone();
            state.enqueued.entry(id).or_insert((project, message));
        }
        if state.loses_answers {
            return Err(Status::unavailable("lost on purpose"));
        }
        if let Some(enqueued) = state.on_enqueue.take() {
            enqueued.send(()).unwrap();
        }
        Ok(Response::new(email::EnqueueResponse { enqueued: 0 }))
    }

    async fn cancel(&self, request: Request<email::CancelRequest>) -> Result<Response<email::CancelResponse>, Status> {
        let ids = request.into_inner().message_ids;
        self.state().cancelled.extend(ids.iter().cloned());
        Ok(Response::new(email::CancelResponse {
            cancelled_message_ids: ids,
        }))
    }

    async fn pull_outcomes(
        &self,
        request: Request<email::PullOutcomesRequest>,
    ) -> Result<Response<email::PullOutcomesResponse>, Status> {
        let outcomes = self.state().outcomes.clone();
        wait_if(outcomes.is_empty(), request.into_inner().wait_ms).await;
        Ok(Response::new(email::PullOutcomesResponse { outcomes }))
    }

    async fn ack_outcomes(
        &self,
        request: Request<email::AckOutcomesRequest>,
    ) -> Result<Response<email::AckOutcomesResponse>, Status> {
        let mut state = self.state();
        if state.loses_acks {
            return Err(Status::unavailable("lost on purpose"));
        }
        for acked in request.into_inner().outcomes {
            state.outcomes.retain(|outcome| outcome.message_id != acked.message_id);
        }
        Ok(Response::new(email::AckOutcomesResponse {}))
    }

    not_called! {
        record_hit: email::RecordHitRequest => email::RecordHitResponse;
        apply_resources: types::ApplyResourcesRequest => types::ApplyResourcesResponse;
        list_resources: types::ListResourcesRequest => types::ListResourcesResponse;
        delete_resource: types::DeleteResourceRequest => types::DeleteResourceResponse;
        list_messages: email::ListMessagesRequest => email::ListMessagesResponse;
        get_counts: email::GetCountsRequest => email::GetCountsResponse;
    }
}
