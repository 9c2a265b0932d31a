//! One event.

use std::time::Duration;

use chappe_ids::{EventId, event_id_from_client, event_id_from_key};
use chappe_kit::Timestamp;
use chappe_proto::types::{RawField, RawObject, RawValue, raw_value::Kind};
use chappe_query::{Attributes, LABEL, MAX_ARRAY_ITEMS, Name, TAGS, Value, parse_instant, split_wrapper};

use super::{Call, attribute::distinct, value};
use crate::domain::{edit::Event, reason::Reason};

/// Oldest event of a live call.
const MAX_AGE: Duration = Duration::from_hours(24);
/// How far a client's clock may run ahead.
const MAX_DRIFT: Duration = Duration::from_mins(1);
/// Attributes of one object of an event, label and tags not counted.
const MAX_ATTRIBUTES: usize = 20;
/// Levels below the attributes of an event.
const MAX_DEPTH: usize = 3;
const MAX_LABEL: usize = 200;
const MAX_TAGS: usize = 10;
const MAX_TAG: usize = 64;
/// Longest `$id`.
const MAX_ID: usize = 128;

/// Names of the events that Chappe itself writes.
const NATIVE_NAMES: [&str; 10] = [
    "email_sent",
    "email_delivered",
    "email_open",
    "email_click",
    "email_soft_bounce",
    "email_hard_bounce",
    "email_block_bounce",
    "email_spam",
    "email_unsubscribe",
    "email_skipped",
];

/// Faults of an event: where below it, and why.
type Faults = Vec<(String, Reason)>;

/// Checks event `n` of item `index`. Any fault drops the event, and all are told.
pub(super) fn check(call: &Call<'_>, index: i32, n: usize, event: RawValue) -> Result<Event, Faults> {
    let Some(Kind::ObjectValue(object)) = event.kind else {
        return Err(vec![(String::new(), Reason::EventShape)]);
    };
    let mut faults = Faults::new();
    let (mut name, mut time, mut id) = (None, None, None);
    let mut attributes = Attributes::new();
    for field in object.fields {
        let kind = field.value.and_then(|value| value.kind);
        match (field.key.as_str(), kind) {
            ("name", kind) => name = Some(kind),
            ("time", Some(kind)) => time = Some(kind),
            ("$id", Some(kind)) if !call.backfill => id = Some(client_id(call, kind)),
            ("id", Some(kind)) if call.backfill => id = Some(import_id(kind)),
            ("attributes", Some(Kind::ObjectValue(object))) => attributes = root(object, &mut faults),
            ("attributes", Some(_)) => faults.push((".attributes".to_owned(), Reason::AttributesShape)),
            _ => {}
        }
    }
    let name = self::name(name.flatten()).map_err(|reason| faults.push((".name".to_owned(), reason)));
    let time = self::time(call, time).map_err(|reason| faults.push((".time".to_owned(), reason)));
    let id = id
        .transpose()
        .map_err(|()| faults.push((".$id".to_owned(), Reason::EventShape)));
    match (name, time, id) {
        (Ok(name), Ok(time), Ok(id)) if faults.is_empty() => Ok(Event {
            id: id.or_else(|| key_id(call, index, n)),
            name,
            time,
            attributes,
        }),
        _ => Err(faults),
    }
}

fn client_id(call: &Call<'_>, kind: Kind) -> Result<EventId, ()> {
    match kind {
        Kind::StringValue(id) if (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(event_id_from_client(call.project, &id))
        }
        _ => Err(()),
    }
}

/// Imports name their events themselves, so that a second import is the same as one.
fn import_id(kind: Kind) -> Result<EventId, ()> {
    match kind {
        Kind::StringValue(id) => id.parse().map_err(drop),
        _ => Err(()),
    }
}

fn key_id(call: &Call<'_>, index: i32, n: usize) -> Option<EventId> {
    let item = usize::try_from(index).unwrap_or_default();
    call.idempotency
        .map(|(key, digest)| event_id_from_key(call.project, key, &digest, item, n))
}

fn name(kind: Option<Kind>) -> Result<String, Reason> {
    let Some(Kind::StringValue(text)) = kind else {
        return Err(Reason::EventName);
    };
    let name = Name::parse(&text).map_err(|_| Reason::EventName)?.into_string();
    if NATIVE_NAMES.contains(&name.as_str()) {
        Err(Reason::EventName)
    } else {
        Ok(name)
    }
}

fn time(call: &Call<'_>, kind: Option<Kind>) -> Result<Timestamp, Reason> {
    let Some(kind) = kind else { return Ok(call.now) };
    let Kind::StringValue(text) = kind else {
        return Err(Reason::Time);
    };
    let time = Timestamp::from_micros(parse_instant(&text).ok_or(Reason::Time)?);
    if time > call.now + MAX_DRIFT {
        return Err(Reason::TimeInFuture);
    }
    if !call.backfill && time < call.now - MAX_AGE {
        return Err(Reason::TimeTooOld);
    }
    Ok(time.min(call.now))
}

fn root(object: RawObject, faults: &mut Faults) -> Attributes {
    let mut plain = Vec::with_capacity(object.fields.len());
    let mut attributes = Attributes::new();
    for field in object.fields {
        let path = || format!(".attributes.{}", field.key);
        let kind = field.value.as_ref().and_then(|value| value.kind.clone());
        let checked = match field.key.as_str() {
            LABEL => label(kind).map_err(|reason| (path(), reason)),
            TAGS => tags(kind).map_err(|reason| (path(), reason)),
            key if key.starts_with('$') => Err((path(), Reason::AttributeName)),
            _ => {
                plain.push(field);
                continue;
            }
        };
        match checked {
            Ok(Some(value)) => drop(attributes.insert(field.key, value)),
            Ok(None) => {}
            Err(fault) => faults.push(fault),
        }
    }
    attributes.extend(nested(plain, ".attributes", 0, faults));
    attributes
}

fn label(kind: Option<Kind>) -> Result<Option<Value>, Reason> {
    match kind {
        None => Ok(None),
        Some(Kind::StringValue(text)) if (1..=MAX_LABEL).contains(&text.chars().count()) && !text.contains('\0') => {
            Ok(Some(Value::String(text)))
        }
        Some(_) => Err(Reason::Label),
    }
}

fn tags(kind: Option<Kind>) -> Result<Option<Value>, Reason> {
    let items = match kind {
        None => return Ok(None),
        Some(Kind::ListValue(list)) => value::strings(list.items).ok_or(Reason::Tags)?,
        Some(_) => return Err(Reason::Tags),
    };
    let fits = |tag: &String| (1..=MAX_TAG).contains(&tag.chars().count()) && !tag.contains('\0');
    if items.len() > MAX_TAGS || !items.iter().all(fits) {
        return Err(Reason::Tags);
    }
    let folded = items.iter().map(|tag| tag.to_ascii_lowercase()).collect();
    Ok(Some(Value::Array(distinct(folded))))
}

/// The attributes of an object at `depth`; the attributes of the event itself are at depth 0.
fn nested(fields: Vec<RawField>, path: &str, depth: usize, faults: &mut Faults) -> Attributes {
    let mut attributes = Attributes::new();
    let mut present = 0;
    for field in fields {
        let Some(kind) = field.value.and_then(|value| value.kind) else {
            continue;
        };
        let path = format!("{path}.{}", field.key);
        present += 1;
        if present > MAX_ATTRIBUTES {
            faults.push((path, Reason::TooManyEventAttributes));
            continue;
        }
        let (wrapper, name) = split_wrapper(&field.key).map_or((None, field.key.as_str()), |(w, name)| (Some(w), name));
        if field.key.starts_with('$') {
            faults.push((path, Reason::ReservedKey));
            continue;
        }
        let Ok(name) = Name::parse(name) else {
            faults.push((path, Reason::AttributeName));
            continue;
        };
        let value = match wrapper {
            Some("date") => value::date(kind).map_err(|reason| faults.push((path, reason))).ok(),
            Some("url") => value::url(kind).map_err(|reason| faults.push((path, reason))).ok(),
            Some(_) => {
                faults.push((path, Reason::AttributeName));
                None
            }
            None => plain(kind, &path, depth, faults),
        };
        attributes.extend(value.map(|value| (name.into_string(), value)));
    }
    attributes
}

fn plain(kind: Kind, path: &str, depth: usize, faults: &mut Faults) -> Option<Value> {
    if let Some(scalar) = value::scalar(&kind) {
        return scalar.map_err(|reason| faults.push((path.to_owned(), reason))).ok();
    }
    if depth == MAX_DEPTH {
        faults.push((path.to_owned(), Reason::TooDeep));
        return None;
    }
    match kind {
        Kind::ObjectValue(object) => Some(Value::Object(nested(object.fields, path, depth + 1, faults))),
        Kind::ListValue(list) => array(list.items, path, depth + 1, faults),
        _ => None,
    }
}

fn array(items: Vec<RawValue>, path: &str, depth: usize, faults: &mut Faults) -> Option<Value> {
    if items.len() > MAX_ARRAY_ITEMS {
        faults.push((path.to_owned(), Reason::EventArrayLength));
        return None;
    }
    let all_objects = items.iter().all(|item| matches!(item.kind, Some(Kind::ObjectValue(_))));
    if all_objects && !items.is_empty() {
        let objects = items.into_iter().enumerate().filter_map(|(n, item)| match item.kind {
            Some(Kind::ObjectValue(object)) => Some((n, object)),
            _ => None,
        });
        let checked = objects.map(|(n, object)| nested(object.fields, &format!("{path}[{n}]"), depth, faults));
        return Some(Value::Objects(checked.collect()));
    }
    let Some(strings) = value::strings(items) else {
        faults.push((path.to_owned(), Reason::MixedArray));
        return None;
    };
    let mut kept = Vec::with_capacity(strings.len());
    for (n, string) in strings.into_iter().enumerate() {
        match value::text(string, Reason::ArrayItemLength) {
            Ok(string) => kept.push(string),
            Err(reason) => faults.push((format!("{path}[{n}]"), reason)),
        }
    }
    Some(Value::Array(kept))
}
