//! `chappe import events`: history of any length. Every event has an id made of its row, so that importing
//! again, going on after a stop and importing a grown file all come to the same.

use std::path::Path;

use anyhow::{Context, Result};
use chappe_ids::ProjectId;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    chunk::{Chunk, Chunks},
    patience,
    progress::Progress,
    source::Source,
};
use crate::client::{Client, Refusal};

/// Calls on their way at the same time: one being applied, one being read, and two underway.
const IN_FLIGHT: usize = 4;

/// What became of the rows.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub(crate) rows: u64,
    pub(crate) applied: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: u64,
}

/// What the gateway answers to one call.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    applied: u64,
    duplicates: u64,
    rejected: u64,
    #[serde(default)]
    errors: Vec<Refused>,
}

#[derive(Debug, Deserialize)]
struct Refused {
    item: usize,
    reason: String,
    /// Such as `events[3].time`; absent where the item as a whole is refused.
    attribute: Option<String>,
}

/// Imports a file of events.
pub(crate) async fn run(client: &Client, file: &Path) -> Result<Summary> {
    let chunks = Chunks::new(Source::open(file)?, Source::bytes_read, namespace(client.project()));
    let mut progress = Progress::new(file);
    let mut summary = Summary::default();
    let sent = stream::iter(chunks).map(|chunk| async {
        let chunk = chunk?;
        let answer = send(client, &chunk).await?;
        anyhow::Ok((chunk, answer))
    });
    let mut sent = sent.buffered(IN_FLIGHT);
    while let Some(done) = sent.next().await {
        let (chunk, answer) = done.with_context(|| {
            format!(
                "stopped after {} rows of {}; the same command goes on from there",
                summary.rows,
                file.display()
            )
        })?;
        summary.add(&chunk, &answer);
        tell(&mut progress, &chunk, &answer);
        progress.advance(chunk.end, summary.rows);
    }
    progress.finish(summary.rows, summary.rejected);
    Ok(summary)
}

/// Event ids are made in the project's namespace. A client knows the project by its key alone, so the
/// namespace is made of that: as unique as the project, and the same on every machine.
fn namespace(project_key: &str) -> ProjectId {
    ProjectId::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_URL, project_key.as_bytes()))
}

async fn send(client: &Client, chunk: &Chunk) -> Result<Answer> {
    if chunk.items.is_empty() {
        return Ok(Answer::default());
    }
    let body = json!({ "items": chunk.items });
    let answer: Json = patience::post(client, "/chappe/v1/imports/events", &body)
        .await?
        .map_err(Refusal::into_error)?;
    serde_json::from_value(answer).context("the gateway's answer cannot be read; is it of another version?")
}

impl Summary {
    fn add(&mut self, chunk: &Chunk, answer: &Answer) {
        let unreadable = u64::try_from(chunk.faults.len()).unwrap_or(u64::MAX);
        self.rows += chunk.rows;
        self.applied += answer.applied;
        self.duplicates += answer.duplicates;
        self.rejected += answer.rejected + unreadable;
    }
}

fn tell(progress: &mut Progress, chunk: &Chunk, answer: &Answer) {
    for (line, fault) in &chunk.faults {
        progress.refused(*line, &fault.column, &fault.reason);
    }
    for refused in &answer.errors {
        let lines = chunk.lines.get(refused.item).map(Vec::as_slice).unwrap_or_default();
        let (event, column) = place(refused.attribute.as_deref().unwrap_or_default());
        let line = lines.get(event).or_else(|| lines.first());
        progress.refused(line.copied().unwrap_or_default(), column, &refused.reason);
    }
}

/// The index of an event and its column, from a path such as `events[3].attributes.amount`.
fn place(path: &str) -> (usize, &str) {
    let inside = path.strip_prefix("events[").and_then(|rest| rest.split_once(']'));
    let Some((index, below)) = inside else {
        return (0, "custom_id");
    };
    let below = below
        .strip_prefix(".attributes.")
        .unwrap_or(below)
        .trim_start_matches('.');
    let column = if below == "name" { "event" } else { below };
    (index.parse().unwrap_or_default(), column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_at_the_column_it_is_about() {
        assert_eq!(place(""), (0, "custom_id"));
        assert_eq!(place("events[3]"), (3, ""));
        assert_eq!(place("events[3].time"), (3, "time"));
        assert_eq!(place("events[12].name"), (12, "event"));
        assert_eq!(place("events[0].attributes.items[1].price"), (0, "items[1].price"));
    }

    #[test]
    fn a_project_key_has_one_namespace() {
        assert_eq!(namespace("project_a"), namespace("project_a"));
        assert_ne!(namespace("project_a"), namespace("project_b"));
    }
}
