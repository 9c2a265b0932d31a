//! Whose profile is it? What was found is written down before anything is erased: afterwards identity could not
//! answer any more. A custom id is looked up by every attempt: another profile may have taken the place of the first
//! before the block was durable. An installation goes on as somebody new, so it is looked up once.

use chappe_ids::ProfileId;
use chappe_kit::{Error, grpc::call};
use chappe_proto::identity::{ResolutionState, ResolveItem, ResolveRequest};

use super::Work;
use crate::{
    app::App,
    domain::{
        request::Kind,
        target::{Target, profile_hash},
    },
    store,
};

pub(super) async fn profiles(app: &App, work: &Work) -> Result<Vec<ProfileId>, Error> {
    let known = work.request.profiles.as_ref();
    if let Some(known) = known
        && !work.target.is_blocked()
    {
        return Ok(known.clone());
    }
    let resolved = resolve(app, work).await?;
    app.db
        .write(async |txn| {
            store::request::hold(txn, work.held).await?;
            let mut found = resolved.clone();
            found.extend(known.into_iter().flatten());
            if work.request.kind == Kind::Remove {
                // A removal in progress may have unlinked the profile already: both finish with it.
                let others = store::request::profiles_in_removal(txn, work.held.project, &work.request.target_hash);
                found.extend(others.await?);
            }
            found.sort_unstable();
            found.dedup();
            if known.is_some_and(|known| *known != found) {
                store::participant::begin_anew(txn, work.held).await?;
            }
            store::request::set_profiles(txn, work.held, &found).await?;
            let hash = |profile: &ProfileId| profile_hash(&app.keys.subject, work.held.project, *profile);
            let mut hashes: Vec<_> = found.iter().map(hash).collect();
            hashes.push(work.target.hash(&app.keys.subject, work.held.project));
            hashes.sort_unstable();
            store::subject::insert(txn, work.held, &hashes).await?;
            Ok(found)
        })
        .await
}

async fn resolve(app: &App, work: &Work) -> Result<Vec<ProfileId>, Error> {
    let Some(identifier) = work.target.identifier() else {
        return Ok(Vec::new());
    };
    let request = ResolveRequest {
        items: vec![ResolveItem {
            identifier: Some(identifier),
            ..ResolveItem::default()
        }],
        lookup_only: true,
    };
    let answer = app.identity.clone().resolve(call(work.held.project, request)).await?;
    let found = answer.into_inner().resolutions.into_iter().next();
    let found = found.ok_or_else(|| Error::internal("identity resolved one identifier to nothing"))?;
    // An installation names only somebody who is anonymous; of others the custom id must be given.
    let by_installation = matches!(work.target, Target::Installation { .. });
    if found.state() == ResolutionState::UnknownApp
        || found.profile_id.is_empty()
        || (by_installation && !found.custom_id.is_empty())
    {
        return Ok(Vec::new());
    }
    Ok(vec![found.profile_id.parse().map_err(Error::internal)?])
}
