//! `/chappe/v1`: the native API.

mod import_events;
mod messages;
mod plain;
mod privacy;
mod profile;
mod resources;
mod status;

use std::collections::HashMap;

use axum::{
    extract::{Query, Request},
    http::{HeaderMap, Uri},
    routing::{get, post},
};
use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{Error, grpc::call};
use chappe_proto::{
    identity::{ResolutionState, ResolveItem, ResolveRequest},
    types::{Identifier, identifier},
};

use super::{Admitted, Routes, admit_to_project, both};
use crate::{App, auth, failure::malformed, limits::Budget};

pub(super) fn routes() -> Routes {
    let routes = both(Routes::new(), "/chappe/v1/status", get(status::handle));
    let routes = both(routes, "/chappe/v1/messages", get(messages::handle));
    let routes = both(routes, "/chappe/v1/profiles", get(profile::handle));
    let routes = both(routes, "/chappe/v1/privacy/requests", post(privacy::create));
    let routes = both(routes, "/chappe/v1/privacy/requests/{request_id}", get(privacy::view));
    let routes = both(routes, "/chappe/v1/resources/{kind}", get(resources::list::all));
    let one = get(resources::list::one).delete(resources::delete::handle);
    both(routes, "/chappe/v1/resources/{kind}/{name}", one)
}

/// Routes with large bodies or many calls behind them.
pub(super) fn long_routes() -> Routes {
    let routes = both(
        Routes::new(),
        "/chappe/v1/resources:apply",
        post(resources::apply::handle),
    );
    both(routes, "/chappe/v1/imports/events", post(import_events::handle))
}

/// Credentials, body, rate limit.
async fn admit(app: &App, request: Request, limit: usize) -> Result<Admitted, Error> {
    let admitted = admit_to_project(app, request, limit).await?;
    app.limiter
        .take(admitted.project, Budget::Default, || 1)
        .await
        .check()?;
    Ok(admitted)
}

/// Credentials, rate limit: for requests without a body.
async fn admit_reader(app: &App, headers: &HeaderMap) -> Result<ProjectId, Error> {
    let project = auth::project(app, headers).await?;
    app.limiter.take(project, Budget::Default, || 1).await.check()?;
    Ok(project)
}

/// Parameters of the query; unknown ones are ignored.
fn query(uri: &Uri) -> Result<HashMap<String, String>, Error> {
    let parsed = Query::try_from_uri(uri);
    let Query(parameters) = parsed.map_err(|_| malformed("query", "cannot be decoded"))?;
    Ok(parameters)
}

/// The profile that a custom id names, if there is one.
async fn find_profile(app: &App, project: ProjectId, custom_id: &str) -> Result<Option<ProfileId>, Error> {
    let identifier = Identifier {
        kind: Some(identifier::Kind::CustomId(custom_id.to_owned())),
    };
    let request = ResolveRequest {
        items: vec![ResolveItem {
            identifier: Some(identifier),
            ..ResolveItem::default()
        }],
        lookup_only: true,
    };
    let resolved = app.peers.identity.clone().resolve(call(project, request)).await;
    let response = resolved?.into_inner();
    match response.resolutions.first() {
        Some(found) if found.state() == ResolutionState::Resolved => {
            found.profile_id.parse().map(Some).map_err(Error::internal)
        }
        _ => Ok(None),
    }
}
