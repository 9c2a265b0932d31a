//! Entries as rows, and rows as entries.

use chappe_kit::Error;
use chappe_store::{RowExt as _, Rows};
use sea_orm::QueryResult;
use serde_json::Value as Json;

use crate::{
    domain::entry::{End, Entry, Phase, Progress, Rest},
    store::lanes,
};

pub(super) fn progress_rows(entries: &[&Entry]) -> Rows {
    let ended = |entry: &Entry| match entry.progress {
        Progress::Ended { at, why } => Some((at, why)),
        Progress::Resting(_) => None,
    };
    Rows::new(entries.len())
        .uuids("project_id", entries.iter().map(|entry| entry.project))
        .uuids("entry_id", entries.iter().map(|entry| entry.id))
        .opt_texts(
            "end_reason",
            entries.iter().map(|entry| ended(entry).map(|end| end.1.as_str())),
        )
        .opt_times("ended_at", entries.iter().map(|entry| ended(entry).map(|end| end.0)))
        .opt_texts("step", entries.iter().map(|entry| entry.rest().map(|rest| &rest.step)))
        .opt_texts(
            "phase",
            entries
                .iter()
                .map(|entry| entry.rest().map(|rest| phase_name(rest.phase))),
        )
        .opt_times("due_at", entries.iter().map(|entry| entry.rest().map(|rest| rest.due)))
        .bools("attempted", entries.iter().map(|entry| entry.attempted))
        .ints("sent", entries.iter().map(|entry| entry.sent))
        .ints("revision", entries.iter().map(|entry| entry.revision))
}

pub(super) fn full_rows(entries: &[&Entry]) -> Result<Rows, Error> {
    let events: Vec<String> = entries
        .iter()
        .map(|entry| serde_json::to_string(&entry.event).map_err(Error::internal))
        .collect::<Result<_, _>>()?;
    Ok(progress_rows(entries)
        .uuids("automation_id", entries.iter().map(|entry| entry.automation))
        .ints("version", entries.iter().map(|entry| entry.version))
        .uuids("profile_id", entries.iter().map(|entry| entry.profile))
        .ints("lane", entries.iter().map(|entry| entry.lane))
        .json("event", events)
        .times("entered_at", entries.iter().map(|entry| entry.entered_at)))
}

const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Arriving => "arriving",
        Phase::Waiting => "waiting",
    }
}

pub(super) fn end_reason(row: &QueryResult) -> Result<Option<End>, Error> {
    let name: Option<String> = row.get("end_reason")?;
    name.map(|name| End::from_name(&name).ok_or_else(|| Error::internal("an entry ended for no known reason")))
        .transpose()
}

pub(super) fn read(row: &QueryResult) -> Result<Entry, Error> {
    let progress = match end_reason(row)? {
        Some(why) => Progress::Ended {
            at: row.time("ended_at")?,
            why,
        },
        None => Progress::Resting(Rest {
            step: row.get("step")?,
            phase: if row.get::<String>("phase")? == phase_name(Phase::Waiting) {
                Phase::Waiting
            } else {
                Phase::Arriving
            },
            due: row.time("due_at")?,
        }),
    };
    Ok(Entry {
        project: row.get("project_id")?,
        id: row.get("entry_id")?,
        automation: row.get("automation_id")?,
        version: row.get("version")?,
        profile: row.get("profile_id")?,
        lane: lanes::lane(row)?,
        progress,
        event: serde_json::from_value(row.get::<Json>("event")?).map_err(Error::internal)?,
        entered_at: row.time("entered_at")?,
        attempted: row.get("attempted")?,
        sent: row.get("sent")?,
        revision: row.get("revision")?,
    })
}
