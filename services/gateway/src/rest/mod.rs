//! The routes: one directory per area, one file per use-case.

mod gdpr;
mod links;
mod native;
mod profiles;
mod transactional;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{FromRequestParts, Path, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use chappe_ids::ProjectId;
use chappe_kit::Error;
use serde::{Serialize, de::DeserializeOwned};

use crate::{App, auth, body, failure::Failure, layer};

/// Time for a request, its body included.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time for a request whose body is large or cut into several calls; no peer works longer on one.
const LONG_PATIENCE: Duration = Duration::from_mins(1);

type Routes = Router<Arc<App>>;
type Answer = Result<Response, Failure>;

/// All routes under all layers.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let quick = Router::new()
        .merge(gdpr::routes())
        .merge(links::routes())
        .merge(native::routes())
        .merge(transactional::routes());
    let long = Router::new()
        .merge(profiles::routes())
        .merge(native::long_routes())
        .merge(gdpr::long_routes());
    Router::new()
        .merge(within(PATIENCE, quick.fallback(no_route)))
        .merge(within(LONG_PATIENCE, long))
        .layer(from_fn_with_state(app.clone(), layer::outermost))
        .with_state(app.clone())
}

/// Routes that are answered in time, whatever the method.
fn within(patience: Duration, routes: Routes) -> Routes {
    let bounded = from_fn_with_state(patience, layer::bounded);
    routes.method_not_allowed_fallback(no_route).layer(bounded)
}

/// Also a known path with another method: the catalogue of errors has no 405.
async fn no_route(request: Request) -> Failure {
    body::discard(request.into_body()).await;
    Failure::no_route()
}

/// A route, with and without a slash at its end.
fn both(routes: Routes, path: &str, methods: MethodRouter<Arc<App>>) -> Routes {
    routes.route(path, methods.clone()).route(&format!("{path}/"), methods)
}

/// Parameters of a path. Those that cannot be decoded belong to no route.
struct Params<T>(T);

impl<T, S> FromRequestParts<S> for Params<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let params = Path::from_request_parts(parts, state).await;
        params.map(|Path(params)| Self(params)).map_err(|_| Failure::no_route())
    }
}

/// A request whose credentials are good and whose body is read.
struct Admitted {
    project: ProjectId,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Credentials first, then the body.
async fn admit(
    request: Request,
    limit: usize,
    check: impl AsyncFnOnce(&HeaderMap) -> Result<ProjectId, Error>,
) -> Result<Admitted, Error> {
    let (parts, content) = request.into_parts();
    match check(&parts.headers).await {
        Ok(project) => Ok(Admitted {
            project,
            body: body::read(&parts.headers, content, limit).await?,
            headers: parts.headers,
        }),
        Err(error) => {
            body::discard(content).await;
            Err(error)
        }
    }
}

/// Admits a request by the headers of 2.x.
async fn admit_to_project(app: &App, request: Request, limit: usize) -> Result<Admitted, Error> {
    admit(request, limit, async |headers: &HeaderMap| {
        auth::project(app, headers).await
    })
    .await
}

/// Admits a request to the app of its path.
async fn admit_to_app(app: &App, request: Request, app_key: &str) -> Result<Admitted, Error> {
    let check = async |headers: &HeaderMap| auth::project_of_app(app, headers, app_key).await;
    admit(request, body::DEFAULT_LIMIT, check).await
}

/// Where clients reach this gateway.
fn base_url(app: &App, headers: &HeaderMap) -> String {
    let host = || headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match &app.config.public_base_url {
        Some(url) => url.clone(),
        None => format!("https://{}", host().unwrap_or("localhost")),
    }
}

/// A JSON answer.
pub(crate) fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => (
            status,
            [(header::CONTENT_TYPE, "application/json; charset=utf-8")],
            body,
        )
            .into_response(),
        Err(error) => Failure::from(Error::internal(error)).into_response(),
    }
}
