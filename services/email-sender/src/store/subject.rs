//! What is held about a person.

use chappe_ids::{ProfileId, ProjectId};
use chappe_kit::Error;
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::{Value as Json, json};

use crate::domain::message::State;

/// Rows deleted in one transaction.
pub(crate) const BATCH: u32 = 1_000;

/// The tables that hold rows of a person: what an answer calls them, and how they are counted and deleted.
pub(crate) const KINDS: [Kind; 3] = [
    Kind {
        name: "messages",
        count: "select count(*) as n from messages
                where project_id = {project} and profile_id in (select r.r_id from {profiles} as r)",
        delete: "delete from messages where (project_id, message_id) in (
                   select project_id, message_id from messages
                   where project_id = {project} and profile_id in (select r.r_id from {profiles} as r) limit {limit})",
    },
    Kind {
        name: "outcomes",
        count: "select count(*) as n from outcomes
                where project_id = {project} and profile_id in (select r.r_id from {profiles} as r)",
        delete: "delete from outcomes where (project_id, message_id) in (
                   select project_id, message_id from outcomes
                   where project_id = {project} and profile_id in (select r.r_id from {profiles} as r) limit {limit})",
    },
    Kind {
        name: "reports",
        count: "select count(*) as n from outbox
                where project_id = {project} and key in (select r.r_key from {profiles} as r)",
        delete: "delete from outbox where (project_id, id) in (
                   select project_id, id from outbox
                   where project_id = {project} and key in (select r.r_key from {profiles} as r) limit {limit})",
    },
];

/// A kind of data.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    count: &'static str,
    delete: &'static str,
}

impl Kind {
    /// How many rows there are.
    pub(crate) async fn count(
        &self,
        conn: &impl ConnectionTrait,
        project: ProjectId,
        ids: &[ProfileId],
    ) -> Result<i64, Error> {
        let row = Sql::new(self.count)
            .bind("project", project)
            .rows("profiles", profiles(ids))
            .one(conn)
            .await?;
        row.map_or(Ok(0), |row| row.get("n"))
    }

    /// Deletes at most [`BATCH`] rows; tells how many.
    pub(crate) async fn delete(
        &self,
        txn: &DatabaseTransaction,
        project: ProjectId,
        ids: &[ProfileId],
    ) -> Result<u64, Error> {
        Sql::new(self.delete)
            .bind("project", project)
            .bind("limit", i64::from(BATCH))
            .rows("profiles", profiles(ids))
            .execute(txn)
            .await
    }
}

fn profiles(ids: &[ProfileId]) -> Rows {
    Rows::new(ids.len())
        .uuids("r_id", ids.iter().copied())
        .texts("r_key", ids.iter().map(ToString::to_string))
}

/// Every message to the person, oldest first.
pub(crate) async fn export(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    ids: &[ProfileId],
) -> Result<Vec<Json>, Error> {
    let rows = Sql::new(
        "select message_id, state, reason, template, sender, orchestration_id, step, event_name, recipient, attempts,
           enqueued_at, first_attempt_at, finished_at
         from messages where project_id = {project} and profile_id in (select r.r_id from {profiles} as r)
         order by enqueued_at, message_id",
    )
    .bind("project", project)
    .rows("profiles", profiles(ids))
    .all(conn)
    .await?;
    let read = |row: &sea_orm::QueryResult| {
        let text = |column: &str| row.get::<Option<String>>(column);
        let time = |column: &str| Ok::<_, Error>(row.opt_time(column)?.map(chappe_kit::Timestamp::to_rfc3339));
        let state = State::from_code(row.get("state")?).map(|state| format!("{state:?}").to_lowercase());
        Ok(json!({
            "message_id": row.get::<uuid::Uuid>("message_id")?,
            "state": state,
            "reason": text("reason")?,
            "template": text("template")?,
            "sender": text("sender")?,
            "orchestration_id": text("orchestration_id")?,
            "step": text("step")?,
            "event_name": text("event_name")?,
            "recipient": text("recipient")?,
            "attempts": row.get::<i64>("attempts")?,
            "enqueued_at": time("enqueued_at")?,
            "first_attempt_at": time("first_attempt_at")?,
            "finished_at": time("finished_at")?,
        }))
    };
    rows.iter().map(read).collect()
}
