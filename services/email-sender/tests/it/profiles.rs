//! A profile-store that knows what it is told and remembers what it hears.

use std::{
    collections::{BTreeMap, HashMap},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use chappe_ids::ProfileId;
use chappe_proto::profile::{
    self, Engagement, OptOutRequest, Profile, ProfileResult,
    profile_service_server::{ProfileService, ProfileServiceServer},
};
use chappe_query::{Attributes, Value, wire};
use tonic::{Request, Response, Status, service::RoutesBuilder};

#[derive(Clone, Default)]
pub(crate) struct Profiles {
    state: Arc<Mutex<State>>,
    down: Arc<AtomicBool>,
    before_answer: Arc<Mutex<Option<Interruption>>>,
}

/// Something that happens in the middle of a call.
type Interruption = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
pub(crate) struct State {
    profiles: BTreeMap<ProfileId, Attributes>,
    moved: HashMap<ProfileId, ProfileId>,
    pub(crate) engagement: Vec<Engagement>,
    pub(crate) opt_outs: Vec<OptOutRequest>,
}

impl Profiles {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A subscriber with this address.
    pub(crate) fn subscribe(&self, id: ProfileId, address: &str) {
        let attributes = [
            ("$email_address", address),
            ("$email_marketing", "subscribed"),
            ("firstname", "Ann"),
        ];
        let text = |(name, text): (&str, &str)| (name.to_owned(), Value::String(text.to_owned()));
        self.state()
            .profiles
            .insert(id, attributes.into_iter().map(text).collect());
    }

    pub(crate) fn set(&self, id: ProfileId, name: &str, value: &str) {
        let mut state = self.state();
        let attributes = state.profiles.entry(id).or_default();
        attributes.insert(name.to_owned(), Value::String(value.to_owned()));
    }

    pub(crate) fn remove(&self, id: ProfileId) {
        self.state().profiles.remove(&id);
    }

    pub(crate) fn merge(&self, from: ProfileId, into: ProfileId) {
        let mut state = self.state();
        state.profiles.remove(&from);
        state.moved.insert(from, into);
    }

    /// Runs before the next answer about profiles.
    pub(crate) fn before_answer(&self, interruption: Interruption) {
        *self.before_answer.lock().unwrap() = Some(interruption);
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Names of the native events reported so far, sorted.
    pub(crate) fn events(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .state()
            .engagement
            .iter()
            .map(|it| it.event.clone().unwrap().name)
            .collect();
        names.sort();
        names
    }

    pub(crate) fn add_to(&self, routes: &mut RoutesBuilder) {
        routes.add_service(ProfileServiceServer::new(self.clone()));
    }

    fn up(&self) -> Result<(), Status> {
        if self.down.load(Ordering::SeqCst) {
            return Err(Status::unavailable("down on purpose"));
        }
        Ok(())
    }
}

/// Methods that email-sender does not call, in the form that `async_trait` gives to methods.
macro_rules! not_called {
    ($($name:ident: $request:ident -> $response:ident),* $(,)?) => {$(
        fn $name<'a, 'b>(
            &'a self,
            _: Request<profile::$request>,
        ) -> Pin<Box<dyn Future<Output = Result<Response<profile::$response>, Status>> + Send + 'b>>
        where
            'a: 'b,
            Self: 'b,
        {
            Box::pin(async { Err(Status::unimplemented(stringify!($name))) })
        }
    )*};
}

#[tonic::async_trait]
impl ProfileService for Profiles {
    async fn get_profiles(
        &self,
        request: Request<profile::GetProfilesRequest>,
    ) -> Result<Response<profile::GetProfilesResponse>, Status> {
        self.up()?;
        let interruption = self.before_answer.lock().unwrap().take();
        if let Some(interruption) = interruption {
            interruption.await;
        }
        let state = self.state();
        let find = |id: &String| {
            let id: ProfileId = id.parse().unwrap();
            ProfileResult {
                profile: state.profiles.get(&id).map(|attributes| Profile {
                    profile_id: id.to_string(),
                    custom_id: "u1".to_owned(),
                    attributes: wire::attributes_to_proto(attributes),
                    ..Profile::default()
                }),
                moved_to_profile_id: state.moved.get(&id).map(ToString::to_string).unwrap_or_default(),
            }
        };
        Ok(Response::new(profile::GetProfilesResponse {
            profiles: request.get_ref().profile_ids.iter().map(find).collect(),
            read_at: None,
        }))
    }

    async fn report_engagement(
        &self,
        request: Request<profile::ReportEngagementRequest>,
    ) -> Result<Response<profile::ReportEngagementResponse>, Status> {
        self.up()?;
        self.state().engagement.extend(request.into_inner().items);
        Ok(Response::new(profile::ReportEngagementResponse {}))
    }

    async fn opt_out(
        &self,
        request: Request<profile::OptOutRequest>,
    ) -> Result<Response<profile::OptOutResponse>, Status> {
        self.up()?;
        self.state().opt_outs.push(request.into_inner());
        Ok(Response::new(profile::OptOutResponse { profiles: 1 }))
    }

    not_called! {
        apply_edits: ApplyEditsRequest -> ApplyEditsResponse,
        evaluate_targeting: EvaluateTargetingRequest -> EvaluateTargetingResponse,
        set_interest: SetInterestRequest -> SetInterestResponse,
        pull_feed: PullFeedRequest -> PullFeedResponse,
        ack_feed: AckFeedRequest -> AckFeedResponse,
        apply_app_data: ApplyAppDataRequest -> ApplyAppDataResponse,
        plan_inactivity: PlanInactivityRequest -> PlanInactivityResponse,
        delete_inactive: DeleteInactiveRequest -> DeleteInactiveResponse,
        get_counts: GetCountsRequest -> GetCountsResponse,
    }
}
