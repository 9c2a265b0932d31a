//! Identifiers of deleted profiles go, and the ids never come back.

use chappe_ids::ProfileId;
use chappe_kit::{
    Error,
    grpc::caller::{Caller, project_of},
};
use chappe_proto::identity::{UnlinkProfilesRequest, UnlinkProfilesResponse};
use chappe_store::retired;
use tonic::Request;

use crate::{App, store};

/// Profiles in one call, as documented in the contract.
const MAX_PROFILES: usize = 2_000;

pub(super) async fn handle(
    app: &App,
    request: Request<UnlinkProfilesRequest>,
) -> Result<UnlinkProfilesResponse, Error> {
    Caller::of(&request)?.require_service()?;
    let project = project_of(&request)?;
    let ids = request.into_inner().profile_ids;
    if ids.len() > MAX_PROFILES {
        return Err(Error::invalid_field(
            "profile_ids",
            format!("at most {MAX_PROFILES} profiles at a time"),
        ));
    }
    let parsed: Result<Vec<ProfileId>, _> = ids.iter().map(|id| id.parse()).collect();
    let profiles = parsed.map_err(|_| Error::invalid_field("profile_ids", "must be UUIDs"))?;
    let until = app.runtime.clock.now() + retired::KEPT_FOR;
    let gone: Vec<_> = profiles.iter().map(|profile| (*profile, None)).collect();
    let unlinked = app
        .db
        .write(async |txn| {
            retired::retire(txn, project, &gone, until).await?;
            store::identifier::delete(txn, project, &profiles).await
        })
        .await?;
    Ok(UnlinkProfilesResponse {
        unlinked: i64::try_from(unlinked).unwrap_or(i64::MAX),
    })
}
