//! `GET /chappe/v1/profiles?custom_id=`: one profile as it is now.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use chappe_ids::ProjectId;
use chappe_kit::{Error, grpc::call};
use chappe_proto::profile::{GetProfilesRequest, ProfileResult};
use serde_json::json;

use super::{admit_reader, find_profile, plain, query};
use crate::{
    App,
    failure::missing,
    rest::{Answer, answer},
};

pub(super) async fn handle(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Answer {
    let project = admit_reader(&app, &headers).await?;
    let query = query(&uri)?;
    let custom_id = query.get("custom_id").ok_or_else(|| missing("custom_id"))?;
    let none = || Error::not_found("profile");
    let profile_id = find_profile(&app, project, custom_id).await?.ok_or_else(none)?;

    let mut found = read(&app, project, profile_id.to_string()).await?;
    if found.profile.is_none() && !found.moved_to_profile_id.is_empty() {
        found = read(&app, project, found.moved_to_profile_id).await?;
    }
    let profile = found.profile.ok_or_else(none)?;
    let body = json!({
        "profile_id": profile.profile_id,
        "custom_id": plain::text(&profile.custom_id),
        "attributes": plain::attributes(&profile.attributes),
        "created_at": plain::instant(profile.created_at),
        "last_activity_at": plain::instant(profile.last_activity_at),
        "version": profile.version,
    });
    Ok(answer(StatusCode::OK, &body))
}

async fn read(app: &App, project: ProjectId, profile_id: String) -> Result<ProfileResult, Error> {
    let request = GetProfilesRequest {
        profile_ids: vec![profile_id],
    };
    let read = app
        .peers
        .profile_store
        .clone()
        .get_profiles(call(project, request))
        .await;
    let profiles = read?.into_inner().profiles;
    Ok(profiles.into_iter().next().unwrap_or_default())
}
