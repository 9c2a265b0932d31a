use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use chappe_kit::{Lifecycle, grpc::server, lifecycle::TaskKind};
use chappe_proto::privacy::{self as pb, privacy_service_server::PrivacyService};
use tonic::{Request, Response, Status, async_trait, service::Routes, transport::server::TcpIncoming};

/// What privacy answers, one after the other; a call beyond the last gets the last again.
pub(crate) type Script = VecDeque<Result<pb::InactivityRun, Status>>;

/// A privacy service that plays a script and remembers how it was called.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    script: Script,
    started: Vec<pb::StartInactivityRunRequest>,
    asked: Vec<String>,
    credentials: Vec<(String, String)>,
}

impl Fake {
    pub(crate) fn new(script: impl IntoIterator<Item = Result<pb::InactivityRun, Status>>) -> Self {
        let script = script.into_iter().collect();
        Self(Arc::new(Mutex::new(State {
            script,
            ..State::default()
        })))
    }

    /// Serves on a free port until the lifecycle stops, and gives the address.
    pub(crate) async fn serve(&self, lifecycle: &Lifecycle) -> String {
        let listener = server::bind("the test", ([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let service = pb::privacy_service_server::PrivacyServiceServer::new(self.clone());
        let serving = tonic::transport::Server::builder()
            .serve_with_incoming(Routes::new(service).prepare(), TcpIncoming::from(listener));
        lifecycle.spawn(TaskKind::Work, "test.server", async move { serving.await.unwrap() });
        address
    }

    pub(crate) fn started(&self) -> Vec<pb::StartInactivityRunRequest> {
        self.0.lock().unwrap().started.clone()
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    pub(crate) fn credentials(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().credentials.clone()
    }

    fn next<T>(&self, request: &Request<T>) -> Result<pb::InactivityRun, Status> {
        let mut state = self.0.lock().unwrap();
        let text = |name: &str| {
            let value = request.metadata().get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        state
            .credentials
            .push((text("authorization"), text("x-chappe-project")));
        let next = state.script.pop_front().unwrap();
        if state.script.is_empty() {
            state.script.push_back(next.clone());
        }
        next
    }
}

#[async_trait]
impl PrivacyService for Fake {
    type GetArchiveStream = tonic::codegen::BoxStream<pb::GetArchiveResponse>;

    async fn start_inactivity_run(
        &self,
        request: Request<pb::StartInactivityRunRequest>,
    ) -> Result<Response<pb::StartInactivityRunResponse>, Status> {
        self.0.lock().unwrap().started.push(request.get_ref().clone());
        let run = Some(self.next(&request)?);
        Ok(Response::new(pb::StartInactivityRunResponse { run }))
    }

    async fn get_inactivity_run(
        &self,
        request: Request<pb::GetInactivityRunRequest>,
    ) -> Result<Response<pb::GetInactivityRunResponse>, Status> {
        self.0.lock().unwrap().asked.push(request.get_ref().run_id.clone());
        let run = Some(self.next(&request)?);
        Ok(Response::new(pb::GetInactivityRunResponse { run }))
    }

    async fn create_request(
        &self,
        _: Request<pb::CreateRequestRequest>,
    ) -> Result<Response<pb::CreateRequestResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn get_request(&self, _: Request<pb::GetRequestRequest>) -> Result<Response<pb::GetRequestResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn list_requests(
        &self,
        _: Request<pb::ListRequestsRequest>,
    ) -> Result<Response<pb::ListRequestsResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn get_archive(&self, _: Request<pb::GetArchiveRequest>) -> Result<Response<Self::GetArchiveStream>, Status> {
        Err(Status::unimplemented("not in this test"))
    }
}
