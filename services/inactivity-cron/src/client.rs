use std::time::Duration;

use chappe_kit::Error;
use chappe_proto::privacy::{
    GetInactivityRunRequest, GetInactivityRunResponse, StartInactivityRunRequest, StartInactivityRunResponse,
    privacy_service_client::PrivacyServiceClient,
};
use tonic::{
    Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

/// How long one call may take.
const DEADLINE: Duration = Duration::from_secs(15);
/// How long to wait for a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Privacy, called as a client of one project.
#[derive(Clone, Debug)]
pub struct Client(PrivacyServiceClient<InterceptedService<Channel, Credentials>>);

/// A client of the privacy service at `grpc_addr`: `host:port`, or a URL. It connects when first used, and must be
/// made inside a tokio runtime. Fails with `INVALID_FIELD` on an address or key that can never work.
pub fn connect(grpc_addr: &str, rest_key: &str, project_key: &str) -> Result<Client, Error> {
    let url = if grpc_addr.contains("://") {
        grpc_addr.to_owned()
    } else {
        format!("http://{grpc_addr}")
    };
    let endpoint = Endpoint::from_shared(url)
        .map_err(|_| Error::invalid_field("grpc_addr", "must be an address such as 127.0.0.1:50051"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(DEADLINE);
    let credentials = Credentials {
        authorization: secret("rest_key", &format!("Bearer {rest_key}"))?,
        project: secret("project_key", project_key)?,
    };
    let channel = endpoint.connect_lazy();
    Ok(Client(PrivacyServiceClient::with_interceptor(channel, credentials)))
}

impl Client {
    pub(crate) async fn start(
        mut self,
        request: StartInactivityRunRequest,
    ) -> Result<Response<StartInactivityRunResponse>, Status> {
        self.0.start_inactivity_run(request).await
    }

    pub(crate) async fn get(
        mut self,
        request: GetInactivityRunRequest,
    ) -> Result<Response<GetInactivityRunResponse>, Status> {
        self.0.get_inactivity_run(request).await
    }
}

/// What a client of the mesh shows.
#[derive(Clone, Debug)]
struct Credentials {
    authorization: MetadataValue<Ascii>,
    project: MetadataValue<Ascii>,
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert("authorization", self.authorization.clone());
        metadata.insert("x-chappe-project", self.project.clone());
        Ok(request)
    }
}

fn secret(field: &str, text: &str) -> Result<MetadataValue<Ascii>, Error> {
    let mut value: MetadataValue<Ascii> = text
        .parse()
        .map_err(|_| Error::invalid_field(field, "may hold visible ASCII characters only"))?;
    value.set_sensitive(true);
    Ok(value)
}
