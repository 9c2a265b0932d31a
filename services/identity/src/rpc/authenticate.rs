//! Whether a REST key opens a project or an app.

use chappe_kit::{Error, ErrorKind, grpc::Caller};
use chappe_proto::identity::{AuthenticateRequest, AuthenticateResponse, authenticate_request::Scope};
use tonic::Request;

use crate::{App, store};

pub(super) async fn handle(app: &App, request: Request<AuthenticateRequest>) -> Result<AuthenticateResponse, Error> {
    Caller::of(&request)?.require_service()?;
    let request = request.into_inner();
    let hash = app.rest_keys.mac(request.rest_key.as_bytes());
    if !store::key::rest_key_exists(app.db.read(), &hash).await? {
        return Err(refused());
    }
    match request.scope {
        Some(Scope::ProjectKey(key)) => {
            let project = store::project::by_key(app.db.read(), &key).await?.ok_or_else(refused)?;
            Ok(AuthenticateResponse {
                project_id: project.id.to_string(),
                app_id: String::new(),
            })
        }
        Some(Scope::AppKey(key)) => {
            let apps = store::key::apps_by_key(app.db.read(), &[&key]).await?;
            let app = apps.first().ok_or_else(refused)?;
            Ok(AuthenticateResponse {
                project_id: app.project.to_string(),
                app_id: app.id.to_string(),
            })
        }
        None => Err(Error::invalid_field("scope", "name a project key or an app key")),
    }
}

/// The same words whatever was wrong, so that a guess learns nothing.
fn refused() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "KEY_INVALID",
        "invalid REST API key or project",
    )
}
