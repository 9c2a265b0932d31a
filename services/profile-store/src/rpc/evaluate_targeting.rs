//! Tries queries on profiles, in this process: the profiles of a call are few, and one pass serves all queries.

use std::collections::{BTreeSet, HashMap};

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp, Violation, grpc::caller::project_of};
use chappe_proto::profile as pb;
use chappe_query::{Answers, EventCount, Moment, Native, Query, Subject};
use tonic::Request;

use super::convert;
use crate::{App, domain::profile::Profile, store};

/// Pairs of profile and query in one call, as the contract says.
const MAX_CHECKS: usize = 1_000;

pub(super) async fn handle(
    app: &App,
    request: &Request<pb::EvaluateTargetingRequest>,
) -> Result<pb::EvaluateTargetingResponse, Error> {
    let project = project_of(request)?;
    let request = request.get_ref();
    convert::at_most("checks", request.checks.len(), MAX_CHECKS)?;
    let queries = parse(&request.queries)?;
    let checks = checks(&request.checks, queries.len())?;

    let now = app.runtime.clock.now();
    let ids: BTreeSet<_> = checks.iter().map(|(profile, _)| *profile).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let profiles = store::profile::get(app.db.read(), project, &ids).await?;
    let mut counts = Vec::with_capacity(queries.len());
    for (index, query) in queries.iter().enumerate() {
        let asked = checks.iter().filter(|(_, query)| *query == index);
        let moments = asked
            .filter_map(|(id, _)| profiles.get_key_value(id))
            .map(|(id, (profile, _))| (*id, moment(profile, now)))
            .collect();
        counts.push(count(app, project, &query.needs().event_counts, &moments, now).await?);
    }
    let matches = checks.iter().map(|(id, query)| {
        profiles
            .get(id)
            .is_some_and(|(profile, _)| satisfies(profile, &queries[*query], &counts[*query], now))
    });
    Ok(pb::EvaluateTargetingResponse {
        matches: matches.collect(),
    })
}

/// Parses every query before refusing: one round trip tells all that is wrong.
fn parse(queries: &[prost_types::Struct]) -> Result<Vec<Query>, Error> {
    let mut violations = Vec::new();
    let mut parsed = Vec::with_capacity(queries.len());
    for (index, query) in queries.iter().enumerate() {
        let json = serde_json::Value::Object(chappe_proto::from_struct(query));
        match Query::parse(&format!("queries[{index}]"), &json) {
            Ok(query) => {
                violations.extend(unknown(&query));
                parsed.push(query);
            }
            Err(faults) => violations.extend(faults.into_iter().map(|fault| Violation {
                field: fault.path,
                description: fault.message,
            })),
        }
    }
    if violations.is_empty() {
        Ok(parsed)
    } else {
        Err(Error::invalid_fields(violations))
    }
}

/// No project has segments or audiences, so every one that a query names is unknown.
fn unknown(query: &Query) -> impl Iterator<Item = Violation> {
    let needs = query.needs();
    let segments = needs.segments.iter().map(|reference| ("segment", reference));
    let audiences = needs.audiences.iter().map(|reference| ("audience", reference));
    segments.chain(audiences).map(|(kind, reference)| Violation {
        field: reference.path.clone(),
        description: format!("there is no {kind} {:?} in this project", reference.name),
    })
}

fn checks(checks: &[pb::TargetingCheck], queries: usize) -> Result<Vec<(ProfileId, usize)>, Error> {
    let numbered = checks.iter().enumerate();
    numbered
        .map(|(index, check)| {
            let query = usize::try_from(check.query).ok().filter(|query| *query < queries);
            let query = query
                .ok_or_else(|| Error::invalid_field(format!("checks[{index}].query"), "is not the index of a query"))?;
            Ok((
                convert::id(&format!("checks[{index}].profile_id"), &check.profile_id)?,
                query,
            ))
        })
        .collect()
}

/// For each need of a query, how many events each profile has.
async fn count(
    app: &App,
    project: ProjectId,
    needs: &[EventCount],
    profiles: &HashMap<ProfileId, Moment>,
    now: Timestamp,
) -> Result<Vec<HashMap<ProfileId, u64>>, Error> {
    let mut counts = Vec::with_capacity(needs.len());
    for need in needs {
        counts.push(store::event::count_of(app.db.read(), project, profiles, need, now).await?);
    }
    Ok(counts)
}

fn satisfies(profile: &Profile, query: &Query, counts: &[HashMap<ProfileId, u64>], now: Timestamp) -> bool {
    let answers = Answers {
        event_counts: counts
            .iter()
            .map(|of| of.get(&profile.id).copied().unwrap_or_default())
            .collect(),
        ..Answers::default()
    };
    query.matches(&Subject {
        attributes: &profile.attributes,
        custom_id: profile.custom_id.as_deref(),
        moment: moment(profile, now),
        answers: &answers,
    })
}

/// Now, in the zone of the profile; in UTC where it names none.
fn moment(profile: &Profile, now: Timestamp) -> Moment {
    let zone = profile.attributes.get(Native::Timezone.name());
    let zone = zone.and_then(|zone| zone.as_str()?.parse().ok());
    Moment {
        now: now.micros(),
        timezone: zone.unwrap_or(chrono_tz::UTC),
    }
}
