use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use chappe_proto::{
    identity::{self as pb, identity_service_server::IdentityService},
    types::{self, identifier::Kind},
};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::Gate;

/// Identity: who is who, the inactivity period, and what was unlinked.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) gate: Gate,
    state: Arc<Mutex<State>>,
}

struct State {
    period: String,
    /// Profile and custom id by custom id or installation id.
    people: HashMap<String, (Uuid, String)>,
    unlinked: Vec<String>,
    projects_read: usize,
}

impl Identity {
    pub(crate) fn new() -> Self {
        Self {
            gate: Gate::default(),
            state: Arc::new(Mutex::new(State {
                period: "13mo".to_owned(),
                people: HashMap::new(),
                unlinked: Vec::new(),
                projects_read: 0,
            })),
        }
    }

    pub(crate) fn knows(&self, value: &str, profile: Uuid, custom_id: &str) {
        self.state
            .lock()
            .unwrap()
            .people
            .insert(value.to_owned(), (profile, custom_id.to_owned()));
    }

    pub(crate) fn forgets(&self, value: &str) {
        self.state.lock().unwrap().people.remove(value);
    }

    pub(crate) fn set_period(&self, period: &str) {
        period.clone_into(&mut self.state.lock().unwrap().period);
    }

    /// The profiles that were unlinked, in order, once for each time.
    pub(crate) fn unlinked(&self) -> Vec<String> {
        self.state.lock().unwrap().unlinked.clone()
    }

    pub(crate) fn projects_read(&self) -> usize {
        self.state.lock().unwrap().projects_read
    }
}

#[async_trait]
impl IdentityService for Identity {
    async fn resolve(&self, request: Request<pb::ResolveRequest>) -> Result<Response<pb::ResolveResponse>, Status> {
        let request = request.into_inner();
        assert!(request.lookup_only, "a privacy request makes no profiles");
        let state = self.state.lock().unwrap();
        let resolve = |item: pb::ResolveItem| {
            let (value, known_app) = match item.identifier.unwrap().kind.unwrap() {
                Kind::CustomId(value) => (value, true),
                Kind::Installation(installation) => (installation.installation_id, installation.app_key == "app"),
            };
            let mut resolution = pb::Resolution {
                state: pb::ResolutionState::Unknown.into(),
                ..pb::Resolution::default()
            };
            if let Some((profile, custom_id)) = state.people.get(&value) {
                resolution.state = pb::ResolutionState::Resolved.into();
                resolution.profile_id = profile.to_string();
                resolution.custom_id.clone_from(custom_id);
            }
            if !known_app {
                resolution.state = pb::ResolutionState::UnknownApp.into();
            }
            resolution
        };
        Ok(Response::new(pb::ResolveResponse {
            resolutions: request.items.into_iter().map(resolve).collect(),
        }))
    }

    async fn get_project(&self, _: Request<pb::GetProjectRequest>) -> Result<Response<pb::GetProjectResponse>, Status> {
        let mut state = self.state.lock().unwrap();
        state.projects_read += 1;
        let settings = pb::ProjectSettings {
            inactivity_period: state.period.clone(),
            ..pb::ProjectSettings::default()
        };
        Ok(Response::new(pb::GetProjectResponse {
            project: Some(pb::Project {
                settings: Some(settings),
                ..pb::Project::default()
            }),
        }))
    }

    async fn unlink_profiles(
        &self,
        request: Request<pb::UnlinkProfilesRequest>,
    ) -> Result<Response<pb::UnlinkProfilesResponse>, Status> {
        self.gate.pass("unlink before").await;
        let ids = request.into_inner().profile_ids;
        let unlinked = i64::try_from(ids.len()).unwrap();
        self.state.lock().unwrap().unlinked.extend(ids);
        self.gate.pass("unlink").await;
        Ok(Response::new(pb::UnlinkProfilesResponse { unlinked }))
    }

    async fn authenticate(
        &self,
        _: Request<pb::AuthenticateRequest>,
    ) -> Result<Response<pb::AuthenticateResponse>, Status> {
        Err(not_called())
    }

    async fn create_project(
        &self,
        _: Request<pb::CreateProjectRequest>,
    ) -> Result<Response<pb::CreateProjectResponse>, Status> {
        Err(not_called())
    }

    async fn create_rest_key(
        &self,
        _: Request<pb::CreateRestKeyRequest>,
    ) -> Result<Response<pb::CreateRestKeyResponse>, Status> {
        Err(not_called())
    }

    async fn list_projects(
        &self,
        _: Request<pb::ListProjectsRequest>,
    ) -> Result<Response<pb::ListProjectsResponse>, Status> {
        Err(not_called())
    }

    async fn apply_resources(
        &self,
        _: Request<types::ApplyResourcesRequest>,
    ) -> Result<Response<types::ApplyResourcesResponse>, Status> {
        Err(not_called())
    }

    async fn list_resources(
        &self,
        _: Request<types::ListResourcesRequest>,
    ) -> Result<Response<types::ListResourcesResponse>, Status> {
        Err(not_called())
    }
}

fn not_called() -> Status {
    Status::unimplemented("privacy does not call this")
}
