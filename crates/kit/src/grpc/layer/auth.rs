//! A credential becomes a [`Caller`].

use std::{convert::Infallible, future::Future, pin::Pin, sync::Arc};

use chappe_ids::ProjectId;
use http::{HeaderMap, Request, Response};
use tonic::{Status, body::Body};
use tower::ServiceExt;

use crate::{
    Clock, Error, ErrorKind,
    grpc::{
        Service,
        caller::{CallKey, Caller, TOKEN_HEADER, unauthenticated},
    },
};

/// Methods that a company's own services call with a REST key. Everything else is internal to the mesh.
const CLIENT_METHODS: [&str; 10] = [
    "/chappe.identity.v1.IdentityService/Resolve",
    "/chappe.ingestion.v1.IngestionService/UpdateProfiles",
    "/chappe.profile.v1.ProfileService/GetProfiles",
    "/chappe.profile.v1.ProfileService/EvaluateTargeting",
    "/chappe.profile.v1.ProfileService/GetCounts",
    "/chappe.privacy.v1.PrivacyService/CreateRequest",
    "/chappe.privacy.v1.PrivacyService/GetRequest",
    "/chappe.privacy.v1.PrivacyService/ListRequests",
    "/chappe.privacy.v1.PrivacyService/StartInactivityRun",
    "/chappe.privacy.v1.PrivacyService/GetInactivityRun",
];

/// Checks the REST keys of clients.
pub trait ClientAuth: Send + Sync {
    /// The project that the key opens.
    fn authenticate<'a>(
        &'a self,
        rest_key: &'a str,
        project_key: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<ProjectId, Error>> + Send + 'a>>;
}

/// What the layer checks against.
#[derive(Clone)]
pub struct Auth {
    pub(super) key: CallKey,
    pub(super) clock: Clock,
    pub(super) clients: Option<Arc<dyn ClientAuth>>,
}

pub(super) async fn layer(
    auth: Auth,
    mut request: Request<Body>,
    inner: Service,
) -> Result<Response<Body>, Infallible> {
    if !super::is_open(request.uri().path()) {
        match auth.caller(request.headers(), request.uri().path()).await {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
            }
            Err(error) => return Ok(Status::from(error).into_http()),
        }
    }
    inner.oneshot(request).await
}

impl Auth {
    async fn caller(&self, headers: &HeaderMap, path: &str) -> Result<Caller, Error> {
        if let Some(token) = text(headers, TOKEN_HEADER) {
            return self.key.verify(token, self.clock.now());
        }
        let clients = self.clients.as_ref().ok_or_else(unauthenticated)?;
        let rest_key = text(headers, "authorization")
            .and_then(bearer)
            .ok_or_else(unauthenticated)?;
        let project_key = text(headers, "x-chappe-project").ok_or_else(unauthenticated)?;
        let project = clients.authenticate(rest_key, project_key).await?;
        if !CLIENT_METHODS.contains(&path) {
            return Err(Error::new(
                ErrorKind::PermissionDenied,
                "INTERNAL_METHOD",
                "this method is internal to the mesh",
            ));
        }
        Ok(Caller::client(project))
    }
}

/// The credential of `Bearer <credential>`; the scheme in any case, followed by any run of spaces.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, credential) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| credential.trim_start_matches(' '))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
