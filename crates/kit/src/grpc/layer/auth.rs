//! A credential becomes a [`Caller`], if the edge list lets it call.

use std::{convert::Infallible, future::Future, pin::Pin, sync::Arc};

use chappe_ids::ProjectId;
use chappe_proto::edges;
use http::{HeaderMap, Request, Response};
use tonic::{Status, body::Body};
use tower::ServiceExt;

use crate::{
    Clock, Error, ErrorKind,
    grpc::{
        Service,
        caller::{CallKey, Caller, Claims, TOKEN_HEADER, unauthenticated},
    },
    skew::Witness,
};

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
    pub(super) witness: Option<Witness>,
}

pub(super) async fn layer(
    auth: Auth,
    mut request: Request<Body>,
    inner: Service,
) -> Result<Response<Body>, Infallible> {
    let checked = if super::is_open(request.uri().path()) {
        auth.token(request.headers()).map(drop)
    } else {
        let caller = auth.caller(request.headers(), request.uri().path()).await;
        caller.map(|caller| {
            request.extensions_mut().insert(caller);
        })
    };
    match checked {
        Ok(()) => inner.oneshot(request).await,
        Err(error) => Ok(Status::from(error).into_http()),
    }
}

impl Auth {
    async fn caller(&self, headers: &HeaderMap, path: &str) -> Result<Caller, Error> {
        let method = path.trim_start_matches('/');
        if let Some(claims) = self.token(headers)? {
            if !edges::allows(claims.service, method) {
                return Err(not_allowed(claims.service, method));
            }
            return Ok(Caller::service(claims.project));
        }
        let clients = self.clients.as_ref().ok_or_else(unauthenticated)?;
        let rest_key = text(headers, "authorization")
            .and_then(bearer)
            .ok_or_else(unauthenticated)?;
        let project_key = text(headers, "x-chappe-project").ok_or_else(unauthenticated)?;
        let project = clients.authenticate(rest_key, project_key).await?;
        if !edges::allows(edges::CLIENT, method) {
            return Err(Error::new(
                ErrorKind::PermissionDenied,
                "INTERNAL_METHOD",
                "this method is internal to the mesh",
            ));
        }
        Ok(Caller::client(project))
    }

    /// What the token of a service says. Whoever shows one wants to know whether it is good, also where none is asked for.
    fn token<'a>(&self, headers: &'a HeaderMap) -> Result<Option<Claims<'a>>, Error> {
        let Some(token) = text(headers, TOKEN_HEADER) else {
            return Ok(None);
        };
        let claims = self.key.verify(token, self.clock.now())?;
        if let Some(witness) = &self.witness {
            witness.note();
        }
        Ok(Some(claims))
    }
}

/// Also for methods that do not exist: the edge list has all that do.
fn not_allowed(caller: &str, method: &str) -> Error {
    Error::new(
        ErrorKind::PermissionDenied,
        "CALLER_NOT_ALLOWED",
        format!("{caller} may not call {method}: the edge list of this version has no such call"),
    )
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
