//! Makes senders and templates be as written: all of them, or none when one has a fault.

use std::collections::{BTreeSet, HashMap};

use chappe_ids::ProjectId;
use chappe_kit::Error;
use chappe_proto::types::{ApplyAction, ApplyResourcesRequest, ApplyResourcesResponse, ApplyResult, Fault};
use serde_json::{Map, Value as Json};

use super::convert;
use crate::{
    app::App,
    domain::resource::Kind,
    store::{self, resource::Resource},
};

/// Documents of one call.
const MAX_RESOURCES: usize = 500;
/// Characters of a name: as many as of an automation's.
const MAX_NAME: usize = 63;

pub(super) async fn apply(
    app: &App,
    project: ProjectId,
    request: ApplyResourcesRequest,
) -> Result<ApplyResourcesResponse, Error> {
    convert::at_most("resources", request.resources.len(), MAX_RESOURCES)?;
    let mut seen = BTreeSet::new();
    let mut wanted = Vec::with_capacity(request.resources.len());
    let mut faults = Vec::with_capacity(request.resources.len());
    for resource in request.resources {
        let spec = resource
            .spec
            .as_ref()
            .map(chappe_proto::from_struct)
            .unwrap_or_default();
        let mut wrong = Vec::new();
        let kind = Kind::parse(&resource.kind);
        match kind {
            Some(kind) => wrong.extend(kind.check(&spec)),
            None => wrong.push((
                "kind".to_owned(),
                format!("{} is not a kind of this service", resource.kind),
            )),
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !(1..=MAX_NAME).contains(&resource.name.len()) || !resource.name.bytes().all(allowed) {
            let rule = format!("a name has 1 to {MAX_NAME} letters, digits, '-', '_' and '.'");
            wrong.push(("metadata.name".to_owned(), rule));
        }
        if !seen.insert((resource.kind.clone(), resource.name.clone())) {
            wrong.push(("metadata.name".to_owned(), "stands in another document too".to_owned()));
        }
        faults.push(
            wrong
                .into_iter()
                .map(|(path, message)| Fault { path, message })
                .collect::<Vec<_>>(),
        );
        wanted.extend(kind.map(|kind| (kind, resource.name, spec)));
    }
    if faults.iter().any(|faults| !faults.is_empty()) {
        let results = faults.into_iter().map(|faults| ApplyResult {
            action: ApplyAction::Unspecified.into(),
            faults,
        });
        return Ok(ApplyResourcesResponse {
            results: results.collect(),
        });
    }
    let actions = if request.validate_only {
        plan(&current(app.db.read(), project, &wanted).await?, wanted).0
    } else {
        let now = app.now();
        app.db
            .write(async |txn| {
                let (actions, changed) = plan(&current(txn, project, &wanted).await?, wanted.clone());
                store::resource::put(txn, project, &changed, now).await?;
                Ok(actions)
            })
            .await?
    };
    let results = actions.into_iter().map(|action| ApplyResult {
        action: action.into(),
        faults: Vec::new(),
    });
    Ok(ApplyResourcesResponse {
        results: results.collect(),
    })
}

type Wanted = (Kind, String, Map<String, Json>);
type Known = HashMap<(Kind, String), Resource>;

async fn current(conn: &impl sea_orm::ConnectionTrait, project: ProjectId, wanted: &[Wanted]) -> Result<Known, Error> {
    let names: Vec<_> = wanted.iter().map(|(kind, name, _)| (*kind, name.as_str())).collect();
    store::resource::find(conn, project, &names).await
}

/// What applying does to each, and the new versions.
fn plan(known: &Known, wanted: Vec<Wanted>) -> (Vec<ApplyAction>, Vec<Resource>) {
    let mut actions = Vec::with_capacity(wanted.len());
    let mut changed = Vec::new();
    for (kind, name, spec) in wanted {
        let key = (kind, name);
        let before = known.get(&key);
        let action = match before {
            Some(before) if before.deleted => ApplyAction::Created,
            Some(before) if before.spec == spec => ApplyAction::Unchanged,
            Some(_) => ApplyAction::Configured,
            None => ApplyAction::Created,
        };
        actions.push(action);
        if action != ApplyAction::Unchanged {
            changed.push(Resource {
                kind,
                name: key.1,
                version: before.map_or(0, |it| it.version) + 1,
                spec,
                deleted: false,
            });
        }
    }
    (actions, changed)
}
