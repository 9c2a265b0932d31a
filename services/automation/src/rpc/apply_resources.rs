use std::collections::HashSet;

use chappe_ids::{AutomationId, LANES, ProjectId};
use chappe_kit::{Error, ErrorKind, grpc::caller::project_of};
use chappe_proto::types::{self, ApplyAction, ApplyResourcesRequest, ApplyResourcesResponse, ApplyResult, Resource};
use tonic::Request;

use super::KIND;
use crate::{
    app::App,
    domain::{
        definition::{Definition, RunState},
        interest,
        parse::{self, Fault},
    },
    job::interest::{self as telling, Claim},
    store::{
        definitions::{self, Current, Spec},
        interests, lanes,
    },
};

/// Longest name of an automation.
const MAX_NAME_LENGTH: usize = 63;

/// A document that has no fault.
struct Document {
    name: String,
    spec: Spec,
    definition: Definition,
}

/// What applying a document would do.
struct Change {
    action: ApplyAction,
    /// The version to write; of an unchanged document, the one there is.
    current: Current,
}

pub(super) async fn handle(
    app: &App,
    request: Request<ApplyResourcesRequest>,
) -> Result<ApplyResourcesResponse, Error> {
    let project = project_of(&request)?;
    let ApplyResourcesRequest {
        resources,
        validate_only,
    } = request.into_inner();
    let documents = match read(resources) {
        Ok(documents) => documents,
        Err(results) => return Ok(ApplyResourcesResponse { results }),
    };
    let changes = if validate_only {
        plan(app, project, &documents).await?
    } else {
        let claim = telling::claim(app, project).await?;
        let applied = apply(app, project, &documents, &claim).await;
        telling::release(app, claim).await;
        applied?
    };
    let results = changes.into_iter().map(|change| ApplyResult {
        action: change.action.into(),
        faults: Vec::new(),
    });
    Ok(ApplyResourcesResponse {
        results: results.collect(),
    })
}

/// The documents, or the faults of all if one has any.
fn read(resources: Vec<Resource>) -> Result<Vec<Document>, Vec<ApplyResult>> {
    let mut names = HashSet::new();
    let read: Vec<Result<Document, Vec<Fault>>> = resources
        .into_iter()
        .map(|resource| read_one(resource, &mut names))
        .collect();
    if read.iter().all(Result::is_ok) {
        return Ok(read.into_iter().flatten().collect());
    }
    let results = read.into_iter().map(|document| ApplyResult {
        action: ApplyAction::Unspecified.into(),
        faults: document.err().unwrap_or_default().into_iter().map(convert).collect(),
    });
    Err(results.collect())
}

fn read_one(resource: Resource, names: &mut HashSet<String>) -> Result<Document, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut fault = |path: &str, message: String| {
        let path = path.to_owned();
        faults.push(Fault { path, message });
    };
    if resource.kind != KIND {
        let message = format!(
            "kind {} does not belong to this service; it knows {KIND}",
            resource.kind
        );
        fault("kind", message);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let length = 1..=MAX_NAME_LENGTH;
    if !length.contains(&resource.name.len()) || !resource.name.bytes().all(allowed) {
        let message = format!("a name has 1 to {MAX_NAME_LENGTH} letters, digits, '-', '_' and '.'");
        fault("metadata.name", message);
    }
    if !names.insert(resource.name.clone()) {
        fault("metadata.name", format!("{} is there twice", resource.name));
    }
    let spec = resource
        .spec
        .as_ref()
        .map(chappe_proto::from_struct)
        .unwrap_or_default();
    match parse::parse(&spec) {
        Ok(definition) if faults.is_empty() => Ok(Document {
            name: resource.name,
            spec,
            definition,
        }),
        Ok(_) => Err(faults),
        Err(others) => {
            faults.extend(others);
            Err(faults)
        }
    }
}

fn convert(fault: Fault) -> types::Fault {
    types::Fault {
        path: fault.path,
        message: fault.message,
    }
}

/// Compares the documents with what is there.
async fn plan(app: &App, project: ProjectId, documents: &[Document]) -> Result<Vec<Change>, Error> {
    let existing = definitions::current(app.db.read(), &[project]).await?;
    let keys: Vec<_> = existing.iter().map(|now| (project, now.id, now.version)).collect();
    let specs = definitions::specs(app.db.read(), &keys).await?;
    let changes = documents.iter().map(|document| {
        let state = document.definition.state;
        let Some(now) = existing.iter().find(|now| now.name == document.name) else {
            let current = Current {
                project,
                id: AutomationId::from_uuid(app.runtime.ids.uuid()),
                name: document.name.clone(),
                version: 1,
                state,
            };
            let action = ApplyAction::Created;
            return Change { action, current };
        };
        let same = specs
            .iter()
            .any(|(key, spec)| *key == (project, now.id, now.version) && *spec == document.spec);
        let mut current = now.clone();
        if !same {
            current.version += 1;
            current.state = state;
        }
        let action = if same {
            ApplyAction::Unchanged
        } else {
            ApplyAction::Configured
        };
        Change { action, current }
    });
    Ok(changes.collect())
}

/// Writes the documents. What they need to hear is told first, together with what was needed so far, so that no
/// event between the two is missed; also for documents that are unchanged, so that repeating a call that failed
/// half-way repairs it.
async fn apply(app: &App, project: ProjectId, documents: &[Document], claim: &Claim) -> Result<Vec<Change>, Error> {
    let changes = plan(app, project, documents).await?;
    let mut names = telling::needed(app, app.db.read(), project).await?;
    let running = documents.iter().map(|document| &document.definition);
    names.extend(interest::names(
        running.filter(|definition| definition.state == RunState::Running),
    ));
    telling::tell(app, project, &names).await?;
    let now = app.now();
    let versions: Vec<(Current, Spec)> = changes
        .iter()
        .zip(documents)
        .filter(|(change, _)| change.action != ApplyAction::Unchanged)
        .map(|(change, document)| (change.current.clone(), document.spec.clone()))
        .collect();
    let before: Vec<(AutomationId, i64)> = changes
        .iter()
        .filter(|change| change.action == ApplyAction::Configured)
        .map(|change| (change.current.id, change.current.version - 1))
        .collect();
    let _turn = app.between_batches().await;
    app.db
        .write(async |txn| {
            lanes::lock(txn, 0..LANES).await?;
            telling::fence(txn, claim).await?;
            // A deletion in between would leave the new version to an automation that is gone.
            let there = definitions::current(txn, &[project]).await?;
            let expected = |(id, version)| there.iter().any(|now| now.id == id && now.version == version);
            if !before.iter().copied().all(expected) {
                return Err(Error::new(
                    ErrorKind::Aborted,
                    "AUTOMATION_CHANGED",
                    "the automation was changed or deleted meanwhile; apply again",
                )
                .retry_after(chappe_store::RETRY_CONFLICT));
            }
            definitions::put(txn, now, &versions).await?;
            interests::put(txn, project, &names).await
        })
        .await?;
    // What was stopped may run now, and is overdue.
    app.coordination.hints.notify(crate::job::TIMERS);
    Ok(changes)
}
