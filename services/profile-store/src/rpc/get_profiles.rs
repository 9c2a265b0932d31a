use chappe_kit::{Error, grpc::caller::project_of};
use chappe_proto::profile as pb;
use chappe_store::retired;
use tonic::Request;

use super::convert;
use crate::{App, store};

/// Profiles in one call, as the contract says.
const MAX_PROFILES: usize = 1_000;

pub(super) async fn handle(
    app: &App,
    request: &Request<pb::GetProfilesRequest>,
) -> Result<pb::GetProfilesResponse, Error> {
    let project = project_of(request)?;
    let wanted = &request.get_ref().profile_ids;
    convert::at_most("profile_ids", wanted.len(), MAX_PROFILES)?;
    let ids = convert::ids("profile_ids", wanted)?;

    // Before the read: whoever relies on its age must not be told that it is younger.
    let read_at = app.runtime.clock.now();
    let found = store::profile::get(app.db.read(), project, &ids).await?;
    let missing: Vec<_> = ids.iter().copied().filter(|id| !found.contains_key(id)).collect();
    let retired = retired::lookup(app.db.read(), project, &missing).await?;
    let profiles = ids.iter().map(|id| {
        let moved_to = retired.get(id).and_then(|retired| retired.moved_to);
        pb::ProfileResult {
            profile: found
                .get(id)
                .map(|(profile, active_at)| convert::profile_to_proto(profile, *active_at)),
            moved_to_profile_id: moved_to.map(|to| to.to_string()).unwrap_or_default(),
        }
    });
    Ok(pb::GetProfilesResponse {
        profiles: profiles.collect(),
        read_at: Some(read_at.into()),
    })
}
