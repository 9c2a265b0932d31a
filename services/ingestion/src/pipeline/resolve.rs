//! Identifiers become profiles, all in one call.

use chappe_ids::{EventId, ProfileId, ProjectId};
use chappe_kit::{Error, IdGen, grpc::call};
use chappe_proto::{
    identity::{Resolution, ResolutionState, ResolveItem, ResolveRequest},
    types::identifier::Kind,
};

use crate::{
    App,
    domain::{
        edit::{Category, Edit, Fault},
        reason::Reason,
        validate::Checked,
    },
};

/// An edit on its way, its events named once and for all: another round must not name them anew.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) edit: Edit,
    pub(crate) event_ids: Vec<EventId>,
    /// The profile that turned out to be gone.
    pub(crate) retired: Option<ProfileId>,
    /// Where it moved to, when it was merged.
    pub(crate) moved_to: Option<ProfileId>,
}

/// An edit and the profile it is for.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) pending: Pending,
    pub(crate) profile: ProfileId,
    pub(crate) custom_id: String,
    pub(crate) created: bool,
}

impl Pending {
    pub(crate) fn new(edit: Edit, ids: &IdGen) -> Self {
        let name = |event: &crate::domain::edit::Event| event.id.unwrap_or_else(|| EventId::from_uuid(ids.uuid()));
        Self {
            event_ids: edit.events.iter().map(name).collect(),
            edit,
            retired: None,
            moved_to: None,
        }
    }
}

/// Resolves every edit and creates the profiles that are new. Edits for erased people are dropped here:
/// to the caller that is a success.
pub(crate) async fn resolve(app: &App, project: ProjectId, pending: Vec<Pending>) -> Result<Vec<Resolved>, Error> {
    if pending.is_empty() {
        return Ok(Vec::new());
    }
    let id = |id: Option<ProfileId>| id.map(|id| id.to_string()).unwrap_or_default();
    let items = pending.iter().map(|pending| ResolveItem {
        identifier: Some(pending.edit.identifier.clone()),
        retired_profile_id: id(pending.retired),
        moved_to_profile_id: id(pending.moved_to),
    });
    let resolutions = ask(app, project, items.collect(), false).await?;
    let mut resolved = Vec::with_capacity(pending.len());
    for (pending, resolution) in pending.into_iter().zip(resolutions) {
        if resolution.state() == ResolutionState::Resolved {
            let profile = resolution.profile_id.parse().map_err(Error::internal)?;
            let custom_id = match &pending.edit.identifier.kind {
                Some(Kind::CustomId(id)) => id.clone(),
                _ => resolution.custom_id,
            };
            resolved.push(Resolved {
                pending,
                profile,
                custom_id,
                created: resolution.created,
            });
        }
    }
    Ok(resolved)
}

/// Takes out the edits of installations whose app is not of this project, and says so. Asked without
/// creating anything, and only when a call names installations at all.
pub(crate) async fn unknown_apps(app: &App, project: ProjectId, checked: &mut Checked) -> Result<Vec<Fault>, Error> {
    let of_app = |edit: &Edit| matches!(edit.identifier.kind, Some(Kind::Installation(_)));
    let items: Vec<ResolveItem> = checked
        .edits
        .iter()
        .filter(|edit| of_app(edit))
        .map(|edit| ResolveItem {
            identifier: Some(edit.identifier.clone()),
            ..ResolveItem::default()
        })
        .collect();
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let mut answers = ask(app, project, items, true).await?.into_iter();
    let mut faults = Vec::new();
    let edits = std::mem::take(&mut checked.edits);
    for edit in edits {
        let unknown = of_app(&edit)
            && answers
                .next()
                .is_some_and(|answer| answer.state() == ResolutionState::UnknownApp);
        if unknown {
            checked.events_refused += i64::try_from(edit.events.len()).unwrap_or(i64::MAX);
            faults.push(Fault {
                index: edit.index,
                category: Category::Identifier,
                reason: Reason::UnknownApp,
                attribute: String::new(),
            });
        } else {
            checked.edits.push(edit);
        }
    }
    Ok(faults)
}

async fn ask(
    app: &App,
    project: ProjectId,
    items: Vec<ResolveItem>,
    lookup_only: bool,
) -> Result<Vec<Resolution>, Error> {
    let request = ResolveRequest { items, lookup_only };
    let response = app.identity.clone().resolve(call(project, request)).await?;
    Ok(response.into_inner().resolutions)
}
