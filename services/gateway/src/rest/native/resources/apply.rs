//! `POST /chappe/v1/resources:apply`: everything is checked by its owner, and its references here, before anything is
//! written.

use std::{collections::HashSet, sync::Arc};

use axum::{
    extract::{Request, State},
    http::StatusCode,
};
use chappe_ids::ProjectId;
use chappe_kit::Error;
use chappe_proto::{
    to_struct,
    types::{ApplyAction, ApplyResourcesRequest, Fault, Resource},
};
use serde_json::{Map, Value as Json, json};

use super::{Kind, existing, references::Known};
use crate::{
    App, body,
    failure::Failure,
    field::Fields,
    rest::{Admitted, Answer, answer, native::admit},
};

/// Levels of a spec. Each costs up to three of the hundred that protobuf decoders allow.
const MAX_DEPTH: usize = 30;

/// A document of the body.
struct Document<'a> {
    kind: Kind,
    name: &'a str,
    spec: &'a Map<String, Json>,
}

/// What is wrong, each with the index of its document.
type Faults = Vec<(usize, Fault)>;

pub(in crate::rest::native) async fn handle(State(app): State<Arc<App>>, request: Request) -> Answer {
    let Admitted { project, body, .. } = admit(&app, request, body::DEFAULT_LIMIT).await?;
    let body: Json = body::json(&body)?;
    let fields = Fields::of_body(&body)?;
    let dry_run = fields.flag("dry_run")?;
    let documents = read(&fields)?;

    let mut actions = vec![ApplyAction::Unspecified; documents.len()];
    let mut faults = Faults::new();
    for kind in Kind::ALL {
        faults.extend(run(&app, project, kind, &documents, true, &mut actions).await?);
    }
    faults.extend(check_references(&app, project, &documents).await?);
    refuse("nothing was applied", faults)?;
    if !dry_run {
        for kind in Kind::ALL {
            // What was right a moment ago is wrong only where somebody else changed something in between.
            let faults = run(&app, project, kind, &documents, false, &mut actions).await?;
            refuse("not everything was applied", faults)?;
        }
    }

    let results = documents.iter().zip(actions);
    let results: Vec<_> = results
        .map(|(document, action)| json!({"kind": document.kind.name(), "name": document.name, "action": word(action)}))
        .collect();
    Ok(answer(StatusCode::OK, &json!({"results": results})))
}

/// The documents, each of a known kind, and none twice.
fn read<'a>(fields: &Fields<'a>) -> Result<Vec<Document<'a>>, Failure> {
    let (mut documents, mut faults, mut seen) = (Vec::new(), Faults::new(), HashSet::new());
    for (index, resource) in fields.list("resources")?.iter().enumerate() {
        let (kind, name) = (resource.string("kind")?, resource.string("name")?);
        let spec = resource.fields("spec")?.object();
        let mut fault = |path: &str, message: String| {
            let path = path.to_owned();
            faults.push((index, Fault { path, message }));
        };
        if !seen.insert((kind, name)) {
            fault(
                "metadata.name",
                format!("another {kind} in this call has the name {name}"),
            );
        }
        if depth(spec) > MAX_DEPTH {
            fault("spec", format!("is nested more than {MAX_DEPTH} levels deep"));
        }
        match Kind::parse(kind) {
            Ok(kind) => documents.push(Document { kind, name, spec }),
            Err(message) => fault("kind", message),
        }
    }
    refuse("nothing was applied", faults)?;
    Ok(documents)
}

fn depth(object: &Map<String, Json>) -> usize {
    fn of(value: &Json) -> usize {
        match value {
            Json::Array(items) => 1 + items.iter().map(of).max().unwrap_or_default(),
            Json::Object(object) => depth(object),
            _ => 0,
        }
    }
    1 + object.values().map(of).max().unwrap_or_default()
}

/// Has the documents of one kind applied or checked by their owner.
async fn run(
    app: &App,
    project: ProjectId,
    kind: Kind,
    documents: &[Document<'_>],
    validate_only: bool,
    actions: &mut [ApplyAction],
) -> Result<Faults, Error> {
    let own: Vec<_> = documents.iter().enumerate().filter(|(_, it)| it.kind == kind).collect();
    if own.is_empty() {
        return Ok(Faults::new());
    }
    let resource = |document: &Document<'_>| Resource {
        kind: kind.name().to_owned(),
        name: document.name.to_owned(),
        spec: Some(to_struct(document.spec)),
        version: 0,
    };
    let request = ApplyResourcesRequest {
        resources: own.iter().map(|(_, document)| resource(document)).collect(),
        validate_only,
    };
    let response = super::apply(app, project, kind, &request).await?;
    if response.results.len() != own.len() {
        return Err(Error::internal("a service answered for another number of resources"));
    }
    let mut faults = Faults::new();
    for ((index, _), result) in own.into_iter().zip(response.results) {
        actions[index] = result.action();
        faults.extend(result.faults.into_iter().map(|fault| (index, fault)));
    }
    Ok(faults)
}

/// References of automations, against this call and what is there already.
async fn check_references(app: &App, project: ProjectId, documents: &[Document<'_>]) -> Result<Faults, Error> {
    if !documents.iter().any(|document| document.kind == Kind::Automation) {
        return Ok(Faults::new());
    }
    let mut known = Known::default();
    for template in existing(app, project, Kind::Template, "").await? {
        known.add_template(&template.name);
    }
    for sender in existing(app, project, Kind::Sender, "").await? {
        let spec = sender.spec.as_ref().map(chappe_proto::from_struct).unwrap_or_default();
        known.add_sender(&sender.name, &spec);
    }
    for document in documents {
        match document.kind {
            Kind::Template => known.add_template(document.name),
            Kind::Sender => known.add_sender(document.name, document.spec),
            Kind::Project | Kind::Automation => {}
        }
    }
    let automations = documents
        .iter()
        .enumerate()
        .filter(|(_, it)| it.kind == Kind::Automation);
    let faults = automations.flat_map(|(index, document)| {
        let faults = known.faults(document.spec);
        faults.into_iter().map(move |fault| (index, fault))
    });
    Ok(faults.collect())
}

/// One fault refuses the whole call.
fn refuse(what: &str, mut faults: Faults) -> Result<(), Failure> {
    faults.sort_by_key(|(index, _)| *index);
    let Some((index, first)) = faults.first() else {
        return Ok(());
    };
    let message = format!(
        "{what}; faults: {}; the first: resources[{index}] {}: {}",
        faults.len(),
        first.path,
        first.message
    );
    let details = faults
        .iter()
        .map(|(index, fault)| json!({"resource": index, "path": fault.path, "message": fault.message}))
        .collect();
    Err(Failure::with_details(
        Error::invalid("INVALID_RESOURCE", message),
        details,
    ))
}

fn word(action: ApplyAction) -> &'static str {
    match action {
        ApplyAction::Created => "created",
        ApplyAction::Configured => "configured",
        ApplyAction::Unchanged | ApplyAction::Unspecified => "unchanged",
    }
}
