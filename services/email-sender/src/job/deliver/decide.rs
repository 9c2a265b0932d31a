//! Reads fresh profiles and decides what they alone can tell.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use chappe_ids::{ClaimId, ProfileId, ProjectId};
use chappe_kit::{
    Error, ErrorKind, Timestamp,
    grpc::{call, peer::with_deadline},
};
use chappe_proto::profile::GetProfilesRequest;
use chappe_query::{Attributes, wire};
use futures_util::future::try_join_all;

use super::claim::Batch;
use crate::{
    app::App,
    domain::{
        decision::{self, Skip},
        message::{Claimed, State},
        token::AddressHash,
    },
    store::attempt::Verdict,
};

/// How long profile-store may take: a claim lasts longer.
const PROFILES_DEADLINE: Duration = Duration::from_secs(3);

/// A person as profile-store has them now.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) id: ProfileId,
    pub(super) custom_id: String,
    pub(super) attributes: Attributes,
}

/// A message whose profile agrees.
pub(super) struct Decided {
    pub(super) message: Claimed,
    pub(super) profile: Profile,
    pub(super) address: String,
    pub(super) hash: AddressHash,
}

/// A batch after the decision. Suppressions are looked up last, in the transaction that marks the attempts.
pub(super) struct DecidedBatch {
    pub(super) claim: ClaimId,
    /// When the reading of the profiles began: consent is as old as this.
    pub(super) read_at: Timestamp,
    pub(super) decided: Vec<Decided>,
    pub(super) skipped: Vec<Verdict>,
}

pub(super) fn skip(message: &Claimed, skip: Skip) -> Verdict {
    message.span.set("chappe.message.state", "skipped");
    message.span.set("chappe.message.reason", skip.reason());
    Verdict {
        message: message.key(),
        state: State::Skipped,
        reason: Some(skip.reason().to_owned()),
        due_at: None,
        counts: true,
        events: vec!["email_skipped"],
    }
}

pub(super) async fn decide(app: &App, batch: Batch) -> Result<DecidedBatch, Error> {
    let read_at = app.now();
    let profiles = read(app, &batch.messages).await?;
    let (mut decided, mut skipped) = (Vec::with_capacity(batch.messages.len()), Vec::new());
    for message in batch.messages {
        let profile = profiles.get(&(message.project, message.profile));
        match decision::recipient(profile.map(|it| &it.attributes), message.class) {
            Err(reason) => skipped.push(skip(&message, reason)),
            Ok(_) if decision::is_expired(message.enqueued_at, message.first_attempt_at, read_at) => {
                skipped.push(skip(&message, Skip::Expired));
            }
            Ok(address) => {
                let (hash, address) = (app.address_hash(message.project, address), address.to_owned());
                if let Some(profile) = profile.cloned() {
                    decided.push(Decided {
                        message,
                        profile,
                        address,
                        hash,
                    });
                }
            }
        }
    }
    Ok(DecidedBatch {
        claim: batch.claim,
        read_at,
        decided,
        skipped,
    })
}

type Profiles = HashMap<(ProjectId, ProfileId), Profile>;

/// The profiles of a batch under the ids that its messages name. One that moved is read where it is now.
async fn read(app: &App, messages: &[Claimed]) -> Result<Profiles, Error> {
    let mut wanted: BTreeMap<ProjectId, BTreeSet<ProfileId>> = BTreeMap::new();
    for message in messages {
        wanted.entry(message.project).or_default().insert(message.profile);
    }
    let reads = wanted.into_iter().map(|(project, ids)| async move {
        let ids: Vec<_> = ids.into_iter().collect();
        let (mut found, moved) = read_project(app, project, &ids).await?;
        if !moved.is_empty() {
            let targets: Vec<_> = moved.values().copied().collect();
            let (there, _) = read_project(app, project, &targets).await?;
            let followed = moved
                .iter()
                .filter_map(|(from, to)| Some((*from, there.get(to)?.clone())));
            found.extend(followed.collect::<Vec<_>>());
        }
        Ok::<_, Error>(found.into_iter().map(move |(id, profile)| ((project, id), profile)))
    });
    Ok(try_join_all(reads).await?.into_iter().flatten().collect())
}

/// The profiles found, and where others moved. Profiles may be large: those that do not fit one answer, which refuses
/// the call, are read by halves.
async fn read_project(
    app: &App,
    project: ProjectId,
    ids: &[ProfileId],
) -> Result<(HashMap<ProfileId, Profile>, HashMap<ProfileId, ProfileId>), Error> {
    let request = GetProfilesRequest {
        profile_ids: ids.iter().map(ToString::to_string).collect(),
    };
    let request = with_deadline(call(project, request), PROFILES_DEADLINE);
    let response = match app.profiles.clone().get_profiles(request).await.map_err(Error::from) {
        Ok(response) => response.into_inner(),
        Err(error) if error.kind() == ErrorKind::InvalidArgument && ids.len() > 1 => {
            let (first, second) = ids.split_at(ids.len() / 2);
            let mut all = Box::pin(read_project(app, project, first)).await?;
            let more = Box::pin(read_project(app, project, second)).await?;
            all.0.extend(more.0);
            all.1.extend(more.1);
            return Ok(all);
        }
        Err(error) => return Err(error),
    };
    if response.profiles.len() != ids.len() {
        return Err(Error::internal(
            "profile-store answered about another number of profiles than it was asked for",
        ));
    }
    let (mut found, mut moved) = (HashMap::new(), HashMap::new());
    for (id, result) in ids.iter().zip(response.profiles) {
        if let Some(profile) = result.profile {
            let profile = Profile {
                id: profile.profile_id.parse().map_err(Error::internal)?,
                custom_id: profile.custom_id,
                attributes: wire::attributes_from_proto(profile.attributes),
            };
            found.insert(*id, profile);
        } else if !result.moved_to_profile_id.is_empty() {
            moved.insert(*id, result.moved_to_profile_id.parse().map_err(Error::internal)?);
        }
    }
    Ok((found, moved))
}
