//! Taking over, taking back, and telling about messages.

use std::collections::HashMap;

use chappe_ids::{MessageId, ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::Value as Json;

use super::attempt::Finished;
use crate::domain::message::{Class, NewMessage, State};

/// A new message and what it was matched with.
pub(crate) struct Enqueued<'a> {
    pub(crate) message: &'a NewMessage,
    pub(crate) template_version: i64,
    pub(crate) sender_version: i64,
    pub(crate) class: Class,
}

/// Stores what is new; a known id changes nothing, and a profile that has gone meanwhile gets nothing. Tells how many
/// were new.
pub(crate) async fn insert(
    txn: &DatabaseTransaction,
    project: ProjectId,
    messages: &[Enqueued<'_>],
    now: Timestamp,
) -> Result<u64, Error> {
    let mut sorted: Vec<_> = messages.iter().collect();
    sorted.sort_unstable_by_key(|it| it.message.id);
    let events = sorted
        .iter()
        .map(|it| serde_json::to_value(&it.message.event).map_err(Error::internal));
    let events = events.collect::<Result<Vec<_>, _>>()?;
    let rows = Rows::new(sorted.len())
        .uuids("message_id", sorted.iter().map(|it| it.message.id))
        .uuids("profile_id", sorted.iter().map(|it| it.message.profile))
        .ints("class", sorted.iter().map(|it| it.class.code()))
        .texts("template", sorted.iter().map(|it| it.message.template.as_str()))
        .ints("template_version", sorted.iter().map(|it| it.template_version))
        .texts("sender", sorted.iter().map(|it| it.message.sender.as_str()))
        .ints("sender_version", sorted.iter().map(|it| it.sender_version))
        .texts(
            "orchestration_id",
            sorted.iter().map(|it| it.message.orchestration.as_str()),
        )
        .texts("step", sorted.iter().map(|it| it.message.step.as_str()))
        .texts("event_name", sorted.iter().map(|it| it.message.event_name.as_str()))
        .json("event_attributes", events)
        .opt_times(
            "event_accepted_at",
            sorted.iter().map(|it| it.message.event_accepted_at),
        )
        .ints("lane", sorted.iter().map(|it| it.message.lane))
        .opt_texts(
            "traceparent",
            sorted
                .iter()
                .map(|it| Some(it.message.traceparent.as_str()).filter(|it| !it.is_empty())),
        );
    Sql::new(
        "insert into messages (project_id, message_id, profile_id, state, class, template, template_version, sender,
           sender_version, orchestration_id, step, event_name, event_attributes, event_accepted_at, lane, traceparent,
           enqueued_at, due_at)
         select {project}, r.message_id, r.profile_id, 1, r.class, r.template, r.template_version, r.sender,
           r.sender_version, r.orchestration_id, r.step, r.event_name, r.event_attributes, r.event_accepted_at, r.lane,
           r.traceparent, {now}, {now}
         from {rows} as r
         where not exists (select 1 from retired_profiles
           where retired_profiles.project_id = {project} and retired_profiles.profile_id = r.profile_id)
         on conflict (project_id, message_id) do nothing",
    )
    .bind("project", project)
    .bind("now", now.micros())
    .rows("rows", rows)
    .execute(txn)
    .await
}

/// Takes back what is still queued; tells what that was.
pub(crate) async fn cancel(
    txn: &DatabaseTransaction,
    project: ProjectId,
    ids: &[MessageId],
    now: Timestamp,
) -> Result<Vec<Finished>, Error> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    let rows = Sql::new(
        "update messages set state = 9, finished_at = {now}, event_attributes = null
         where project_id = {project} and state = 1 and attempts = 0
           and message_id in (select r.r_message from {ids} as r)
         returning project_id, message_id, profile_id, lane, state, reason, template, orchestration_id, step, traceparent",
    )
    .bind("now", now.micros())
    .bind("project", project)
    .rows("ids", Rows::new(ids.len()).uuids("r_message", ids.iter().copied()))
    .all(txn)
    .await?;
    rows.iter().map(Finished::read).collect()
}

/// Forgets at most `limit` messages that ended before `before`, of all projects. Tells how many.
pub(crate) async fn purge(txn: &DatabaseTransaction, before: Timestamp, limit: u32) -> Result<u64, Error> {
    Sql::new(
        "delete from messages where (project_id, message_id) in (
           select project_id, message_id from messages where finished_at < {before} order by finished_at limit {limit})",
    )
    .bind("before", before.micros())
    .bind("limit", i64::from(limit))
    .execute(txn)
    .await
}

/// A message as people look at it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) id: MessageId,
    pub(crate) profile: ProfileId,
    pub(crate) state: i64,
    pub(crate) reason: Option<String>,
    pub(crate) template: String,
    pub(crate) orchestration: String,
    pub(crate) step: String,
    pub(crate) enqueued_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) event_accepted_at: Option<Timestamp>,
    pub(crate) attempts: i64,
}

/// Newest first; `profile` and `state` narrow it.
pub(crate) async fn list(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    profile: Option<ProfileId>,
    state: Option<State>,
    limit: i64,
) -> Result<Vec<Listed>, Error> {
    let any_profile = profile.is_none();
    let any_state = state.is_none();
    let rows = Sql::new(
        "select message_id, profile_id, state, reason, template, orchestration_id, step, enqueued_at, finished_at,
           event_accepted_at, attempts
         from messages
         where project_id = {project} and ({any_profile} or profile_id = {profile}) and ({any_state} or state = {state})
         order by enqueued_at desc, message_id desc limit {limit}",
    )
    .bind("project", project)
    .bind("any_profile", any_profile)
    .bind("profile", profile.map_or_else(uuid::Uuid::nil, ProfileId::as_uuid))
    .bind("any_state", any_state)
    .bind("state", state.map_or(0, State::code))
    .bind("limit", limit)
    .all(conn)
    .await?;
    let read = |row: &sea_orm::QueryResult| {
        Ok(Listed {
            id: row.get("message_id")?,
            profile: row.get("profile_id")?,
            state: row.get("state")?,
            reason: row.get("reason")?,
            template: row.get("template")?,
            orchestration: row.get("orchestration_id")?,
            step: row.get("step")?,
            enqueued_at: row.time("enqueued_at")?,
            finished_at: row.opt_time("finished_at")?,
            event_accepted_at: row.opt_time("event_accepted_at")?,
            attempts: row.get("attempts")?,
        })
    };
    rows.iter().map(read).collect()
}

/// How many messages there are by state, and the skipped ones by reason.
pub(crate) async fn counts(
    conn: &impl ConnectionTrait,
    project: ProjectId,
) -> Result<(HashMap<State, i64>, HashMap<String, i64>), Error> {
    let rows = Sql::new(
        "select state, case when state = 8 then reason end as skip, count(*) as n
         from messages where project_id = {project} group by 1, 2",
    )
    .bind("project", project)
    .all(conn)
    .await?;
    let (mut by_state, mut by_reason) = (HashMap::new(), HashMap::new());
    for row in &rows {
        let (state, n): (i64, i64) = (row.get("state")?, row.get("n")?);
        if let Some(state) = State::from_code(state) {
            *by_state.entry(state).or_insert(0) += n;
        }
        if let Some(reason) = row.get::<Option<String>>("skip")? {
            *by_reason.entry(reason).or_insert(0) += n;
        }
    }
    Ok((by_state, by_reason))
}

/// What a tracking hit needs of its message.
#[derive(Clone, Debug)]
pub(crate) struct Tracked {
    pub(crate) profile: ProfileId,
    pub(crate) accepted_at: Option<Timestamp>,
    pub(crate) recipient: Option<String>,
    pub(crate) links: Vec<String>,
    pub(crate) template: String,
    pub(crate) orchestration: String,
    pub(crate) step: String,
}

/// The message behind a token; `None` when it was erased.
pub(crate) async fn tracked(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    message: MessageId,
) -> Result<Option<Tracked>, Error> {
    let row = Sql::new(
        "select profile_id, finished_at, recipient, links, template, orchestration_id, step from messages
         where project_id = {project} and message_id = {message}",
    )
    .bind("project", project)
    .bind("message", message)
    .one(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let links: Option<Json> = row.get("links")?;
    Ok(Some(Tracked {
        profile: row.get("profile_id")?,
        accepted_at: row.opt_time("finished_at")?,
        recipient: row.get("recipient")?,
        links: links
            .map_or(Ok(Vec::new()), serde_json::from_value)
            .map_err(Error::internal)?,
        template: row.get("template")?,
        orchestration: row.get("orchestration_id")?,
        step: row.get("step")?,
    }))
}
