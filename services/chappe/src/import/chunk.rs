//! Rows gathered into the calls that carry them.

use anyhow::Result;
use chappe_ids::{EventId, ProjectId};
use serde::Serialize;
use serde_json::Value as Json;

use super::{
    occurrences::Occurrences,
    row::{Fault, Row},
    source::Line,
};

/// Items in one call (`POST /chappe/v1/imports/events`).
const MAX_ITEMS: usize = 1_000;
/// Events in one call.
const MAX_EVENTS: usize = 15_000;
/// JSON in one call, in bytes: half of what the gateway takes, since sizes are estimated.
const MAX_BYTES: usize = 8 << 20;
/// Rows that cannot be read, before they are told: a file of nothing else must not pile up.
const MAX_FAULTS: usize = 1_000;
/// Bytes around the custom id and the attributes of an event, about.
const OVERHEAD: usize = 160;

/// One call and where its events come from.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) items: Vec<Item>,
    /// Line of every event, item by item.
    pub(super) lines: Vec<Vec<u64>>,
    /// Rows that could not be read, with their lines.
    pub(super) faults: Vec<(u64, Fault)>,
    pub(super) rows: u64,
    /// Bytes of the file behind this chunk.
    pub(super) end: u64,
    events: usize,
    bytes: usize,
}

/// Events of one person.
#[derive(Debug, Serialize)]
pub(super) struct Item {
    custom_id: String,
    events: Vec<Json>,
}

impl Chunk {
    fn is_full(&self) -> bool {
        self.items.len() >= MAX_ITEMS
            || self.events >= MAX_EVENTS
            || self.bytes >= MAX_BYTES
            || self.faults.len() >= MAX_FAULTS
    }

    /// Rows of one person that follow each other share an item.
    fn push(&mut self, line: u64, row: Row, id: EventId, size: usize) {
        if self.items.last().is_none_or(|item| item.custom_id != row.custom_id) {
            self.items.push(Item {
                custom_id: row.custom_id.clone(),
                events: Vec::new(),
            });
            self.lines.push(Vec::new());
        }
        if let (Some(item), Some(lines)) = (self.items.last_mut(), self.lines.last_mut()) {
            item.events.push(row.into_event(id));
            lines.push(line);
        }
        self.events += 1;
        self.bytes += size;
    }
}

/// Cuts a file into chunks, giving every event its id on the way.
pub(super) struct Chunks<S> {
    source: S,
    bytes_read: fn(&S) -> u64,
    project: ProjectId,
    occurrences: Occurrences,
}

impl<S: Iterator<Item = Result<Line>>> Chunks<S> {
    /// `bytes_read` tells how many bytes of the file have been read.
    pub(super) fn new(source: S, bytes_read: fn(&S) -> u64, project: ProjectId) -> Self {
        Self {
            source,
            bytes_read,
            project,
            occurrences: Occurrences::default(),
        }
    }

    fn add(&mut self, chunk: &mut Chunk, line: u64, row: Row) {
        let attributes = row.canonical_attributes();
        let id = |occurrence| row.id(self.project, &attributes, occurrence);
        let id = id(self.occurrences.before(id(0)));
        let size = OVERHEAD + row.custom_id.len() + attributes.len();
        chunk.push(line, row, id, size);
    }
}

impl<S: Iterator<Item = Result<Line>>> Iterator for Chunks<S> {
    type Item = Result<Chunk>;

    fn next(&mut self) -> Option<Result<Chunk>> {
        let mut chunk = Chunk::default();
        while !chunk.is_full() {
            match self.source.next() {
                None => break,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(Line { number, row })) => {
                    chunk.rows += 1;
                    match row {
                        Ok(row) => self.add(&mut chunk, number, row),
                        Err(fault) => chunk.faults.push((number, fault)),
                    }
                }
            }
        }
        chunk.end = (self.bytes_read)(&self.source);
        (chunk.rows > 0).then_some(Ok(chunk))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;

    fn chunks(rows: impl IntoIterator<Item = (&'static str, &'static str)>) -> Vec<Chunk> {
        let line = |(at, (id, time)): (u64, _)| {
            Ok(Line {
                number: at,
                row: Row::new(id, "e", time, []),
            })
        };
        let source = (1..).zip(rows).map(line);
        let project = ProjectId::from_uuid(Uuid::from_u128(1));
        Chunks::new(source, |_| 0, project).map(Result::unwrap).collect()
    }

    #[test]
    fn neighbours_of_one_person_share_an_item() {
        let chunks = chunks([
            ("a", "2020-01-01"),
            ("a", "2020-01-02"),
            ("b", "2020-01-01"),
            ("", "2020-01-01"),
            ("a", "2020-01-03"),
        ]);
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0].lines, [vec![1, 2], vec![3], vec![5]]);
        assert_eq!(chunks[0].rows, 5);
        assert_eq!(chunks[0].faults, [(4, Fault::new("custom_id", "is empty"))]);
    }

    #[test]
    fn a_call_keeps_to_its_limits_and_equal_rows_stay_apart() {
        let chunks = chunks((0..2_500).map(|n| (if n % 2 == 0 { "a" } else { "b" }, "2020-01-01")));
        let items: Vec<usize> = chunks.iter().map(|chunk| chunk.items.len()).collect();
        assert_eq!(items, [1_000, 1_000, 500]);
        let events = chunks
            .iter()
            .flat_map(|chunk| &chunk.items)
            .flat_map(|item| &item.events);
        let ids: HashSet<_> = events.map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 2_500);
    }

    #[test]
    fn a_file_of_faults_is_told_in_parts() {
        let chunks = chunks((0..1_500).map(|_| ("", "2020-01-01")));
        assert_eq!(
            chunks.iter().map(|chunk| chunk.faults.len()).collect::<Vec<_>>(),
            [1_000, 500]
        );
    }
}
