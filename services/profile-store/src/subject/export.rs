//! Everything held about a person, one document after the other.

use std::fmt::Write as _;

use chappe_ids::{EventId, ProfileId};
use chappe_kit::{Error, Timestamp, grpc::MAX_MESSAGE_BYTES};
use chappe_proto::privacy::ExportSubjectResponse;
use chappe_query::{Attributes, Native};
use chappe_store::Db;
use futures_util::{Stream, stream};
use serde_json::{Map, Value as Json, json};
use tonic::Status;

use super::Person;
use crate::{
    domain::{edit::Event, profile::Profile},
    store,
};

/// Events read at a time.
const PAGE: u32 = 2_000;

/// Bytes of one part of a document: what surely fits a message.
const PART: usize = MAX_MESSAGE_BYTES / 2;

/// What the attributes say about what the person agreed to.
const SUBSCRIPTIONS: [Native; 3] = [Native::EmailMarketing, Native::SmsMarketing, Native::TopicPreferences];

/// Where the export goes on.
enum Next {
    Profiles,
    Events { after: EventId },
    AppData,
    End,
}

/// The documents, each read when it is asked for.
pub(super) fn documents(
    db: Db,
    person: Person,
) -> impl Stream<Item = Result<ExportSubjectResponse, Status>> + Send + 'static {
    let documents = stream::try_unfold((db, person, Next::Profiles), async |(db, person, next)| {
        let step = match next {
            Next::Profiles => profiles(&db, &person).await?,
            Next::Events { after } => events(&db, &person, after).await?,
            Next::AppData => app_data(&db, &person).await?,
            Next::End => return Ok::<_, Status>(None),
        };
        let (documents, next) = step;
        let documents = stream::iter(documents.into_iter().map(Ok::<_, Status>));
        Ok(Some((documents, (db, person, next))))
    });
    futures_util::TryStreamExt::try_flatten(documents)
}

type Step = (Vec<ExportSubjectResponse>, Next);

async fn profiles(db: &Db, person: &Person) -> Result<Step, Error> {
    let found = store::profile::get(db.read(), person.project, &person.profiles).await?;
    let profiles: Vec<_> = found.values().map(|(profile, at)| profile_json(profile, *at)).collect();
    let subscriptions: Vec<_> = found.values().map(|(profile, _)| subscriptions_json(profile)).collect();
    let next = Next::Events {
        after: EventId::from_uuid(uuid::Uuid::nil()),
    };
    let documents = vec![
        document("profile.json", &profiles)?,
        document("subscriptions.json", &subscriptions)?,
    ];
    Ok((documents, next))
}

async fn events(db: &Db, person: &Person, after: EventId) -> Result<Step, Error> {
    let found = store::event::page(db.read(), person.project, &person.profiles, after, PAGE).await?;
    let mut lines = String::new();
    for (profile, event, received_at) in &found {
        // Writing to a string does not fail.
        writeln!(lines, "{}", event_json(*profile, event, *received_at)).map_err(Error::internal)?;
    }
    let next = match found.last() {
        Some((_, event, _)) if found.len() == PAGE as usize => Next::Events { after: event.id },
        _ => Next::AppData,
    };
    let part = |content: &[u8]| ExportSubjectResponse {
        file_name: "events.ndjson".to_owned(),
        content: content.to_vec().into(),
    };
    // An empty document is one too.
    let rest = lines.as_bytes().chunks(PART).skip(1);
    let first = lines.as_bytes().chunks(PART).next().unwrap_or_default();
    Ok((std::iter::once(first).chain(rest).map(part).collect(), next))
}

async fn app_data(db: &Db, person: &Person) -> Result<Step, Error> {
    let Some(custom_id) = &person.custom_id else {
        return Ok((Vec::new(), Next::End));
    };
    let found = store::app_user::of_person(db.read(), person.project, custom_id).await?;
    let records: Vec<_> = found
        .iter()
        .map(|(app, attributes, updated_at)| {
            json!({
                "app_id": app,
                "custom_id": custom_id,
                "values": plain(attributes),
                "updated_at": updated_at.to_rfc3339(),
            })
        })
        .collect();
    Ok((vec![document("app_data.json", &records)?], Next::End))
}

fn document(file_name: &str, rows: &[Json]) -> Result<ExportSubjectResponse, Error> {
    Ok(ExportSubjectResponse {
        file_name: file_name.to_owned(),
        content: serde_json::to_vec_pretty(rows).map_err(Error::internal)?.into(),
    })
}

fn profile_json(profile: &Profile, last_activity_at: Timestamp) -> Json {
    json!({
        "profile_id": profile.id,
        "custom_id": profile.custom_id,
        "attributes": plain(&profile.attributes),
        "created_at": profile.created_at.to_rfc3339(),
        "last_activity_at": last_activity_at.to_rfc3339(),
        "version": profile.version,
    })
}

fn subscriptions_json(profile: &Profile) -> Json {
    let of = |native: Native| {
        profile
            .attributes
            .get(native.name())
            .map(chappe_query::Value::render_json)
    };
    let mut json = Map::from_iter([("profile_id".to_owned(), json!(profile.id))]);
    json.extend(SUBSCRIPTIONS.map(|native| (native.name().to_owned(), json!(of(native)))));
    Json::Object(json)
}

fn event_json(profile: ProfileId, event: &Event, received_at: Timestamp) -> Json {
    json!({
        "event_id": event.id,
        "profile_id": profile,
        "name": event.name,
        "time": event.time.to_rfc3339(),
        "attributes": plain(&event.attributes),
        "received_at": received_at.to_rfc3339(),
    })
}

fn plain(attributes: &Attributes) -> Json {
    let pairs = attributes
        .iter()
        .map(|(name, value)| (name.clone(), value.render_json()));
    Json::Object(pairs.collect())
}
