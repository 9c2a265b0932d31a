//! Messages on their way: written with the entry that sends them, open until their outcome is known.

use std::collections::{HashMap, HashSet};

use chappe_ids::{EntryId, MessageId, ProfileId, ProjectId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Rows, Sql, outbox};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::json;
use uuid::Uuid;

use super::{CANCEL, SEND, lanes};
use crate::domain::entry::Outgoing;

/// Names a message.
pub(crate) type MessageKey = (ProjectId, MessageId);

/// An open message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) project: ProjectId,
    pub(crate) message: MessageId,
    pub(crate) entry: EntryId,
    pub(crate) profile: ProfileId,
    pub(crate) lane: u8,
}

/// Stores messages to be handed over.
pub(crate) async fn send(txn: &DatabaseTransaction, now: Timestamp, messages: &[&Outgoing]) -> Result<(), Error> {
    if messages.is_empty() {
        return Ok(());
    }
    let rows = Rows::new(messages.len())
        .uuids("project_id", messages.iter().map(|message| message.project))
        .uuids("message_id", messages.iter().map(|message| message.message))
        .uuids("entry_id", messages.iter().map(|message| message.entry))
        .uuids("profile_id", messages.iter().map(|message| message.profile))
        .ints("lane", messages.iter().map(|message| message.lane));
    Sql::new(
        "insert into open_messages (project_id, message_id, entry_id, profile_id, lane)
         select r.project_id, r.message_id, r.entry_id, r.profile_id, r.lane from {rows} as r where true
         on conflict (project_id, message_id) do nothing",
    )
    .rows("rows", rows)
    .execute(txn)
    .await?;
    let waiting = messages.iter().map(|message| {
        Ok(outbox::Message {
            project: message.project,
            id: message.message.as_uuid(),
            topic: SEND.to_owned(),
            key: message.profile.to_string(),
            payload: serde_json::to_value(message).map_err(Error::internal)?,
            traceparent: Some(message.event.traceparent.clone()).filter(|trace| !trace.is_empty()),
            available_at: now,
        })
    });
    let waiting = waiting.collect::<Result<Vec<_>, Error>>()?;
    outbox::enqueue(txn, now, &waiting).await.map(drop)
}

/// Takes back the messages of entries: those that no relay has begun to hand over vanish, for the others the
/// receiver is asked. One whose hand-over failed is not tried again, but may have arrived all the same. Tells how many
/// of each entry vanished.
pub(crate) async fn withdraw(
    txn: &DatabaseTransaction,
    now: Timestamp,
    entries: &[(ProjectId, EntryId)],
) -> Result<HashMap<EntryId, i64>, Error> {
    let mut vanished = HashMap::new();
    let open = open_of(txn, entries).await?;
    if open.is_empty() {
        return Ok(vanished);
    }
    let gone = Sql::new(
        "delete from outbox where topic = {topic} and claimed_by is null and parked_reason is null
         and (project_id, id) in (select r.project_id, r.message_id from {rows} as r) returning id, attempts",
    )
    .bind("topic", SEND)
    .rows("rows", of_messages(open.iter().map(Open::key)))
    .all(txn)
    .await?;
    let gone = gone
        .iter()
        .map(|row| Ok((row.get::<MessageId>("id")?, row.get::<i64>("attempts")?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let gone: HashSet<MessageId> = gone
        .into_iter()
        .filter(|(_, attempts)| *attempts == 0)
        .map(|(id, _)| id)
        .collect();
    let (gone, under_way): (Vec<Open>, Vec<Open>) = open.into_iter().partition(|open| gone.contains(&open.message));
    for open in &gone {
        *vanished.entry(open.entry).or_default() += 1;
    }
    close(txn, &gone.iter().map(Open::key).collect::<Vec<_>>()).await?;
    let cancels: Vec<_> = under_way.iter().map(|open| cancel(open, now)).collect();
    outbox::enqueue(txn, now, &cancels).await?;
    Ok(vanished)
}

impl Open {
    fn key(&self) -> MessageKey {
        (self.project, self.message)
    }
}

fn cancel(open: &Open, now: Timestamp) -> outbox::Message {
    outbox::Message {
        project: open.project,
        // Another id than that of the message, which may still lie in the outbox itself.
        id: Uuid::new_v5(&open.message.as_uuid(), CANCEL.as_bytes()),
        topic: CANCEL.to_owned(),
        key: open.profile.to_string(),
        payload: json!({ "message": open.message }),
        traceparent: None,
        available_at: now,
    }
}

async fn open_of(conn: &impl ConnectionTrait, entries: &[(ProjectId, EntryId)]) -> Result<Vec<Open>, Error> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Rows::new(entries.len())
        .uuids("project_id", entries.iter().map(|entry| entry.0))
        .uuids("entry_id", entries.iter().map(|entry| entry.1));
    let rows = Sql::new(
        "select project_id, message_id, entry_id, profile_id, lane from open_messages
         where (project_id, entry_id) in (select r.project_id, r.entry_id from {rows} as r)
         order by project_id, message_id",
    )
    .rows("rows", rows)
    .all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// Which of the messages are open.
pub(crate) async fn find(conn: &impl ConnectionTrait, messages: &[MessageKey]) -> Result<Vec<Open>, Error> {
    let rows = Sql::new(
        "select project_id, message_id, entry_id, profile_id, lane from open_messages
         where (project_id, message_id) in (select r.project_id, r.message_id from {rows} as r)",
    )
    .rows("rows", of_messages(messages.iter().copied()))
    .all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// Closes messages and gives back those that were still open.
pub(crate) async fn close(txn: &DatabaseTransaction, messages: &[MessageKey]) -> Result<Vec<Open>, Error> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Sql::new(
        "delete from open_messages
         where (project_id, message_id) in (select r.project_id, r.message_id from {rows} as r)
         returning project_id, message_id, entry_id, profile_id, lane",
    )
    .rows("rows", of_messages(messages.iter().copied()))
    .all(txn)
    .await?;
    rows.iter().map(read).collect()
}

/// Which of the messages still wait for their hand-over, or are in the middle of it.
pub(crate) async fn not_handed_over(
    conn: &impl ConnectionTrait,
    messages: &[MessageKey],
) -> Result<Vec<MessageKey>, Error> {
    let rows = Sql::new(
        "select project_id, id from outbox where parked_reason is null
         and (project_id, id) in (select r.project_id, r.message_id from {rows} as r)",
    )
    .rows("rows", of_messages(messages.iter().copied()))
    .all(conn)
    .await?;
    rows.iter()
        .map(|row| Ok((row.get("project_id")?, row.get("id")?)))
        .collect()
}

fn of_messages(messages: impl ExactSizeIterator<Item = MessageKey> + Clone) -> Rows {
    Rows::new(messages.len())
        .uuids("project_id", messages.clone().map(|key| key.0))
        .uuids("message_id", messages.map(|key| key.1))
}

fn read(row: &sea_orm::QueryResult) -> Result<Open, Error> {
    Ok(Open {
        project: row.get("project_id")?,
        message: row.get("message_id")?,
        entry: row.get("entry_id")?,
        profile: row.get("profile_id")?,
        lane: lanes::lane(row)?,
    })
}
