//! The app-centric model. Whether the same values also go to a profile is decided by ingestion.

use std::collections::{BTreeMap, HashMap};

use chappe_ids::AppId;
use chappe_kit::{
    Error,
    grpc::caller::{Caller, project_of},
};
use chappe_proto::profile as pb;
use chappe_query::{Attributes, wire};
use tonic::Request;

use super::convert;
use crate::{
    App,
    store::{self, app_user::Record},
};

/// Users in one call, as the contract says.
const MAX_USERS: usize = 1_000;

/// A change of one record.
struct Change {
    overwrite: bool,
    values: Attributes,
    removed: Vec<String>,
}

pub(super) async fn handle(
    app: &App,
    request: Request<pb::ApplyAppDataRequest>,
) -> Result<pb::ApplyAppDataResponse, Error> {
    Caller::of(&request)?.require_service()?;
    let project = project_of(&request)?;
    let request = request.into_inner();
    convert::at_most("users", request.users.len(), MAX_USERS)?;
    let app_id: AppId = convert::id("app_id", &request.app_id)?;
    let changes = by_user(request.users)?;
    let hashes: Vec<_> = changes
        .keys()
        .map(|custom_id| app.block_hash(project, custom_id))
        .collect();
    let now = app.runtime.clock.now();

    app.db
        .write(async |txn| {
            let blocked = store::blocked::of(txn, project, &hashes, now).await?;
            let allowed = changes.iter().zip(&hashes);
            let allowed: Vec<_> = allowed
                .filter(|(_, hash)| !blocked.contains(hash.as_slice()))
                .map(|(user, _)| user)
                .collect();
            let custom_ids: Vec<_> = allowed.iter().map(|(custom_id, _)| custom_id.as_str()).collect();
            let stored = store::app_user::lock(txn, project, app_id, &custom_ids).await?;
            let plan = plan(&allowed, stored);
            store::app_user::insert(txn, project, app_id, &plan.insert, now).await?;
            store::app_user::update(txn, project, app_id, &plan.update, now).await?;
            store::app_user::delete(txn, project, app_id, &plan.delete).await
        })
        .await?;
    Ok(pb::ApplyAppDataResponse {})
}

/// What to write. A record that holds nothing is no record.
#[derive(Default)]
struct Plan<'a> {
    insert: Vec<Record>,
    update: Vec<Record>,
    delete: Vec<&'a str>,
}

fn plan<'a>(users: &[(&'a String, &Vec<Change>)], mut stored: HashMap<String, Attributes>) -> Plan<'a> {
    let mut plan = Plan::default();
    for (custom_id, changes) in users {
        let before = stored.remove(*custom_id);
        let is_stored = before.is_some();
        let attributes = merge(before.unwrap_or_default(), changes);
        let record = Record {
            custom_id: (*custom_id).clone(),
            attributes,
        };
        match (is_stored, record.attributes.is_empty()) {
            (true, true) => plan.delete.push(custom_id),
            (true, false) => plan.update.push(record),
            (false, true) => {}
            (false, false) => plan.insert.push(record),
        }
    }
    plan
}

/// The changes of each user, in order.
fn by_user(users: Vec<pb::AppUser>) -> Result<BTreeMap<String, Vec<Change>>, Error> {
    let mut changes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (index, user) in users.into_iter().enumerate() {
        if user.custom_id.is_empty() {
            return Err(Error::invalid_field(format!("users[{index}].custom_id"), "is missing"));
        }
        changes.entry(user.custom_id).or_default().push(Change {
            overwrite: user.overwrite,
            values: wire::attributes_from_proto(user.values),
            removed: user.removed,
        });
    }
    Ok(changes)
}

fn merge(mut attributes: Attributes, changes: &[Change]) -> Attributes {
    for change in changes {
        if change.overwrite {
            attributes.clear();
        }
        attributes.extend(change.values.clone());
        attributes.retain(|name, _| !change.removed.contains(name));
    }
    attributes
}

#[cfg(test)]
mod tests {
    use chappe_query::Value;

    use super::*;

    fn change(overwrite: bool, set: &[&str], removed: &[&str]) -> Change {
        let values = set.iter().map(|name| ((*name).to_owned(), Value::Boolean(true)));
        Change {
            overwrite,
            values: values.collect(),
            removed: removed.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn names(attributes: &Attributes) -> Vec<&str> {
        attributes.keys().map(String::as_str).collect()
    }

    #[test]
    fn values_are_merged_key_by_key() {
        let stored = merge(Attributes::new(), &[change(false, &["u.a", "u.b"], &[])]);
        assert_eq!(
            names(&merge(stored, &[change(false, &["u.c"], &["u.a"])])),
            ["u.b", "u.c"]
        );
    }

    #[test]
    fn overwriting_drops_what_the_call_does_not_name() {
        let stored = merge(Attributes::new(), &[change(false, &["u.a", "u.b"], &[])]);
        assert_eq!(names(&merge(stored, &[change(true, &["u.c"], &[])])), ["u.c"]);
    }
}
