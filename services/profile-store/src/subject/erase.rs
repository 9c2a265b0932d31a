//! The person vanishes in one transaction; their events, which may be many, follow in small ones.

use std::collections::HashMap;

use chappe_kit::{Error, Timestamp};
use chappe_proto::privacy::EraseSubjectResponse;
use chappe_store::retired;
use sea_orm::DatabaseTransaction;

use super::Person;
use crate::{App, store};

/// Events deleted by one transaction: so few that PostgreSQL finds each by its key.
const BATCH: u32 = 1_000;

pub(super) async fn handle(app: &App, person: &Person) -> Result<EraseSubjectResponse, Error> {
    let until = app.runtime.clock.now() + retired::KEPT_FOR;
    let mut deleted = app.db.write(async |txn| vanish(txn, person, until).await).await?;
    deleted.insert("events", events(app, person).await?);
    let mut retained = Vec::new();
    if !person.profiles.is_empty() {
        retained.push("the retired profile id for 13 months, to discard late data".to_owned());
    }
    if person.custom_id.is_some() {
        retained.push("a keyed hash of the custom id for 30 days, to discard late data".to_owned());
    }
    let deleted = deleted.into_iter();
    Ok(EraseSubjectResponse {
        deleted: deleted
            .map(|(kind, rows)| (kind.to_owned(), i64::try_from(rows).unwrap_or(i64::MAX)))
            .collect(),
        retained,
    })
}

/// From here on nothing can be written for the profiles any more, and nobody can read them.
async fn vanish(
    txn: &DatabaseTransaction,
    person: &Person,
    until: Timestamp,
) -> Result<HashMap<&'static str, u64>, Error> {
    let (project, profiles) = (person.project, &person.profiles);
    let real = store::profile::occupy(txn, project, profiles).await?;
    let gone: Vec<_> = profiles.iter().map(|profile| (*profile, None)).collect();
    retired::retire(txn, project, &gone, until).await?;
    let mut deleted = HashMap::from([
        ("feed", store::feed::delete(txn, project, profiles).await?),
        (
            "profile_activity",
            store::activity::delete(txn, project, profiles).await?,
        ),
    ]);
    store::profile::delete(txn, project, profiles).await?;
    deleted.insert("profiles", real);
    if let Some(custom_id) = &person.custom_id {
        let records = store::app_user::delete_person(txn, project, custom_id).await?;
        deleted.insert("app_users", records);
    }
    Ok(deleted)
}

async fn events(app: &App, person: &Person) -> Result<u64, Error> {
    let mut deleted = 0;
    loop {
        let batch = app
            .db
            .write(async |txn| store::event::delete_some(txn, person.project, &person.profiles, BATCH).await)
            .await?;
        deleted += batch;
        if batch < u64::from(BATCH) {
            return Ok(deleted);
        }
    }
}
