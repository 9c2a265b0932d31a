//! Identifiers become profile ids.
//!
//! Known identifiers cost one statement and no transaction. New ones cost one more, and a third when somebody else was
//! faster with some, however many they are.

use std::collections::{HashMap, HashSet};

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::{
    Error, Timestamp, Violation,
    grpc::caller::{Caller, project_of},
};
use chappe_proto::identity::{Resolution, ResolutionState, ResolveItem, ResolveRequest, ResolveResponse};
use tonic::Request;

use crate::{
    App,
    domain::identifier::{self, Named},
    store::{
        self,
        identifier::{Found, Replacement, Wanted},
    },
    subject,
};

/// Identifiers in one call, as documented in the contract.
const MAX_ITEMS: usize = 1_000;

pub(super) async fn handle(app: &App, request: Request<ResolveRequest>) -> Result<ResolveResponse, Error> {
    let (caller, project) = (Caller::of(&request)?, project_of(&request)?);
    let request = request.into_inner();
    let items = parse(request.items)?;
    if items.iter().any(|item| item.retired.is_some()) {
        // Only who was told by profile-store knows that a profile is gone.
        caller.require_service()?;
    }
    let unknown_apps = unknown_apps(app, project, &items).await?;
    let wanted: Vec<Wanted<'_>> = items.iter().map(|item| item.wanted(app, project)).collect();
    let now = app.runtime.clock.now();

    let replacements = replacements(app, &items);
    let mut found = store::identifier::find(app.db.read(), project, &wanted, now).await?;
    let mut minted: HashSet<ProfileId> = replacements.iter().map(|it| it.next).collect();
    if !request.lookup_only {
        if !replacements.is_empty() {
            found = replace(app, project, &wanted, &replacements, now).await?;
        }
        let is_new = |n: &usize| found[*n].profile.is_none() && !found[*n].blocked && !unknown_apps.contains(n);
        let new: Vec<usize> = (0..found.len()).filter(is_new).collect();
        if !new.is_empty() {
            let wanted: Vec<Wanted<'_>> = new.iter().map(|n| wanted[*n]).collect();
            let mint = |_| ProfileId::from_uuid(app.runtime.ids.uuid());
            let proposed: Vec<ProfileId> = new.iter().map(mint).collect();
            let created = create(app, project, &wanted, &proposed, now).await?;
            new.into_iter().zip(created).for_each(|(n, one)| found[n] = one);
            minted.extend(proposed);
        }
    }

    let answers = found.into_iter().enumerate();
    let resolutions = answers
        .map(|(n, found)| resolution(found, unknown_apps.contains(&n), &minted))
        .collect();
    Ok(ResolveResponse { resolutions })
}

/// One item, checked.
struct Item {
    named: Named,
    retired: Option<ProfileId>,
    moved_to: Option<ProfileId>,
}

impl Item {
    fn wanted(&self, app: &App, project: ProjectId) -> Wanted<'_> {
        let identifier = &self.named.identifier;
        Wanted {
            identifier,
            subject: subject::block_hash(app, project, identifier),
        }
    }
}

fn parse(items: Vec<ResolveItem>) -> Result<Vec<Item>, Error> {
    if items.len() > MAX_ITEMS {
        return Err(Error::invalid_field(
            "items",
            format!("at most {MAX_ITEMS} items are resolved at a time"),
        ));
    }
    let mut violations = Vec::new();
    let mut parsed = Vec::with_capacity(items.len());
    for (n, item) in items.into_iter().enumerate() {
        let named = identifier::parse(item.identifier).map_err(|why| ("identifier", why));
        let retired = profile(&item.retired_profile_id).map_err(|why| ("retired_profile_id", why));
        let moved_to = profile(&item.moved_to_profile_id).map_err(|why| ("moved_to_profile_id", why));
        match (named, retired, moved_to) {
            (Ok(named), Ok(retired), Ok(moved_to)) => parsed.push(Item {
                named,
                retired,
                moved_to,
            }),
            (Err((field, why)), ..) | (_, Err((field, why)), _) | (.., Err((field, why))) => {
                violations.push(Violation {
                    field: format!("items[{n}].{field}"),
                    description: why.to_owned(),
                });
            }
        }
    }
    if violations.is_empty() {
        Ok(parsed)
    } else {
        Err(Error::invalid_fields(violations))
    }
}

fn profile(text: &str) -> Result<Option<ProfileId>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "must be a UUID")
}

/// Indexes of the installations whose app key belongs to no app of the project.
async fn unknown_apps(app: &App, project: ProjectId, items: &[Item]) -> Result<HashSet<usize>, Error> {
    let keys: Vec<&str> = items.iter().filter_map(|item| item.named.app_key.as_deref()).collect();
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let apps = store::key::apps_by_key(app.db.read(), &keys).await?;
    let known: HashSet<&str> = apps
        .iter()
        .filter(|app| app.project == project)
        .map(|app| app.key.as_str())
        .collect();
    let claimed = items
        .iter()
        .enumerate()
        .filter_map(|(n, item)| Some((n, item.named.app_key.as_deref()?)));
    Ok(claimed
        .filter(|(_, key)| !known.contains(key))
        .map(|(n, _)| n)
        .collect())
}

/// What to put in the place of each retired profile: one successor, however many items name it.
fn replacements(app: &App, items: &[Item]) -> Vec<Replacement> {
    let mut next = HashMap::new();
    for item in items {
        if let Some(retired) = item.retired {
            next.entry(retired).or_insert_with(|| {
                item.moved_to
                    .unwrap_or_else(|| ProfileId::from_uuid(app.runtime.ids.uuid()))
            });
        }
    }
    let mut replacements: Vec<_> = next
        .into_iter()
        .map(|(retired, next)| Replacement { retired, next })
        .collect();
    replacements.sort_by_key(|replacement| replacement.retired);
    replacements
}

/// Points what is retired at its successors, and looks again.
async fn replace(
    app: &App,
    project: ProjectId,
    wanted: &[Wanted<'_>],
    replacements: &[Replacement],
    now: Timestamp,
) -> Result<Vec<Found>, Error> {
    app.db
        .write(async |txn| {
            store::identifier::replace(txn, project, replacements).await?;
            store::identifier::find(txn, project, wanted, now).await
        })
        .await
}

/// Gives identifiers their profiles, unless somebody else was faster or blocked them meanwhile.
async fn create(
    app: &App,
    project: ProjectId,
    wanted: &[Wanted<'_>],
    proposed: &[ProfileId],
    now: Timestamp,
) -> Result<Vec<Found>, Error> {
    app.db
        .write(async |txn| {
            let inserted = store::identifier::insert(txn, project, wanted, proposed, now).await?;
            if inserted.len() < wanted.len() {
                return store::identifier::find(txn, project, wanted, now).await;
            }
            let created = wanted.iter().zip(proposed);
            Ok(created.map(|(one, profile)| one.given(*profile)).collect())
        })
        .await
}

fn resolution(found: Found, unknown_app: bool, minted: &HashSet<ProfileId>) -> Resolution {
    let state = match found.profile {
        _ if found.blocked => ResolutionState::Blocked,
        _ if unknown_app => ResolutionState::UnknownApp,
        Some(_) => ResolutionState::Resolved,
        None => ResolutionState::Unknown,
    };
    Resolution {
        state: state.into(),
        created: found.profile.is_some_and(|profile| minted.contains(&profile)),
        profile_id: found.profile.map(|profile| profile.to_string()).unwrap_or_default(),
        custom_id: found.custom_id.unwrap_or_default(),
    }
}
