//! `GET /chappe/v1/resources/{kind}[/{name}]`.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use chappe_kit::Error;
use chappe_proto::{from_struct, types::Resource};
use serde_json::{Value as Json, json};

use super::{existing, kind_of_path};
use crate::{
    App,
    rest::{Answer, Params, answer, native::admit_reader},
};

/// All of a kind.
pub(in crate::rest::native) async fn all(
    State(app): State<Arc<App>>,
    Params(kind): Params<String>,
    headers: HeaderMap,
) -> Answer {
    let project = admit_reader(&app, &headers).await?;
    let resources = existing(&app, project, kind_of_path(&kind)?, "").await?;
    Ok(listed(&resources))
}

/// The one of a name.
pub(in crate::rest::native) async fn one(
    State(app): State<Arc<App>>,
    Params((kind, name)): Params<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let project = admit_reader(&app, &headers).await?;
    let kind = kind_of_path(&kind)?;
    let resources = existing(&app, project, kind, &name).await?;
    if resources.is_empty() {
        return Err(Error::not_found(&format!("{} {name}", kind.name())).into());
    }
    Ok(listed(&resources))
}

fn listed(resources: &[Resource]) -> axum::response::Response {
    let resources: Vec<_> = resources.iter().map(object).collect();
    answer(StatusCode::OK, &json!({"resources": resources}))
}

fn object(resource: &Resource) -> Json {
    json!({
        "kind": resource.kind,
        "name": resource.name,
        "spec": resource.spec.as_ref().map(from_struct).unwrap_or_default(),
        "version": resource.version,
    })
}
