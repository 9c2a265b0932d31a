//! What profile-store is asked about profiles.

use std::collections::HashMap;

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{Error, ErrorKind, grpc::call};
use chappe_proto::profile::{self as pb, TargetingCheck};
use chappe_query::Native;
use chrono_tz::Tz;

use crate::{app::App, domain::definition::TargetingQuery};

/// Pairs of one call, and profiles of one call, by the contract.
const MAX_PER_CALL: usize = 1_000;

/// A profile and a query to try on it.
pub(super) type Check<'a> = (ProfileId, &'a TargetingQuery);

/// Whether each profile satisfies its query now. One that is gone satisfies none.
pub(super) async fn evaluate(app: &App, project: ProjectId, checks: &[Check<'_>]) -> Result<Vec<bool>, Error> {
    let mut matches = Vec::with_capacity(checks.len());
    for chunk in checks.chunks(MAX_PER_CALL) {
        let request = call(project, request(chunk));
        let response = app.profiles().evaluate_targeting(request).await?.into_inner();
        if response.matches.len() != chunk.len() {
            return Err(Error::internal(
                "profile-store answered another number of checks than it was asked",
            ));
        }
        matches.extend(response.matches);
    }
    Ok(matches)
}

fn request(checks: &[Check<'_>]) -> pb::EvaluateTargetingRequest {
    let mut distinct: Vec<&TargetingQuery> = Vec::new();
    let checks = checks.iter().map(|(profile, query)| {
        let place = distinct.iter().position(|known| known == query).unwrap_or_else(|| {
            distinct.push(query);
            distinct.len() - 1
        });
        TargetingCheck {
            profile_id: profile.to_string(),
            query: i32::try_from(place).unwrap_or(i32::MAX),
        }
    });
    let checks = checks.collect();
    pb::EvaluateTargetingRequest {
        queries: distinct.into_iter().map(chappe_proto::to_struct).collect(),
        checks,
    }
}

/// The time zones of profiles: UTC where none is known. A profile that is gone is left out.
pub(super) async fn zones(
    app: &App,
    project: ProjectId,
    profiles: &[ProfileId],
) -> Result<HashMap<ProfileId, Tz>, Error> {
    let mut zones = HashMap::new();
    for chunk in profiles.chunks(MAX_PER_CALL) {
        for (id, result) in chunk.iter().zip(get(app, project, chunk).await?) {
            if let Some(mut profile) = result.profile {
                let zone = profile.attributes.remove(Native::Timezone.name());
                let zone = zone.and_then(chappe_query::wire::from_proto);
                let zone = zone.and_then(|value| value.as_str()?.parse().ok());
                zones.insert(*id, zone.unwrap_or(Tz::UTC));
            }
        }
    }
    Ok(zones)
}

/// Profiles may be large: those that do not fit one answer, which refuses the call, are asked for by halves.
async fn get(app: &App, project: ProjectId, ids: &[ProfileId]) -> Result<Vec<pb::ProfileResult>, Error> {
    let request = pb::GetProfilesRequest {
        profile_ids: ids.iter().map(ProfileId::to_string).collect(),
    };
    let response = app.profiles().get_profiles(call(project, request)).await;
    match response.map_err(Error::from) {
        Ok(response) => Ok(response.into_inner().profiles),
        Err(error) if error.kind() == ErrorKind::InvalidArgument && ids.len() > 1 => {
            let (first, second) = ids.split_at(ids.len() / 2);
            let mut profiles = Box::pin(get(app, project, first)).await?;
            profiles.extend(Box::pin(get(app, project, second)).await?);
            Ok(profiles)
        }
        Err(error) => Err(error),
    }
}
