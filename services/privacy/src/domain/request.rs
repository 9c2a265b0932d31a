//! A privacy request.

use chappe_ids::{ProfileId, RequestId};
use chappe_kit::{Error, Timestamp};
use serde_json::{Map, Value};

use super::target::Target;

/// Why a request found nothing, in the words of Batch's API.
pub(crate) const USER_NOT_FOUND: &str = "user not found";

/// What a request asks for, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Review = 1,
    Remove = 2,
}

impl Kind {
    pub(crate) fn from_stored(stored: i64) -> Result<Self, Error> {
        match stored {
            1 => Ok(Self::Review),
            2 => Ok(Self::Remove),
            _ => Err(Error::internal(format!("{stored} is no kind of request"))),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Remove => "remove",
        }
    }
}

/// A request and how far it is.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: RequestId,
    pub(crate) kind: Kind,
    pub(crate) created_at: Timestamp,
    pub(crate) done_at: Option<Timestamp>,
    pub(crate) error: String,
    pub(crate) identifier_type: String,
    pub(crate) identifier_value: String,
    /// Who it is about, until it is done.
    pub(crate) target: Option<Target>,
    pub(crate) target_hash: Vec<u8>,
    /// The profiles that were found, from the time they were looked up until it is done.
    pub(crate) profiles: Option<Vec<ProfileId>>,
    /// Failures in a row.
    pub(crate) attempts: i64,
    /// When its archive expires, where it has one.
    pub(crate) archive_until: Option<Timestamp>,
}

/// How far one service is with an erasure, and what it said.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) service: String,
    pub(crate) blocked: bool,
    pub(crate) erased: bool,
    pub(crate) verified: bool,
    /// Rows deleted by kind of data, over all attempts.
    pub(crate) deleted: Map<String, Value>,
    /// What remains and why.
    pub(crate) retained: Vec<String>,
}

impl Report {
    /// Adds what another attempt deleted.
    pub(crate) fn add(&mut self, deleted: impl IntoIterator<Item = (String, i64)>, retained: Vec<String>) {
        for (kind, rows) in deleted {
            let sum = self
                .deleted
                .get(&kind)
                .and_then(Value::as_i64)
                .unwrap_or(0)
                .saturating_add(rows);
            self.deleted.insert(kind, sum.into());
        }
        self.retained = retained;
    }

    /// Whether the service had anything at all.
    pub(crate) fn found_something(&self) -> bool {
        self.deleted.values().any(|rows| rows.as_i64() != Some(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_sums_over_attempts() {
        let mut report = Report {
            service: "profile-store".to_owned(),
            blocked: true,
            erased: false,
            verified: false,
            deleted: Map::new(),
            retained: Vec::new(),
        };
        report.add([("profiles".to_owned(), 0)], Vec::new());
        assert!(!report.found_something());
        report.add([("profiles".to_owned(), 1), ("events".to_owned(), 4)], Vec::new());
        report.add([("events".to_owned(), 2)], vec!["a hash".to_owned()]);
        assert_eq!(
            Value::Object(report.deleted.clone()),
            serde_json::json!({"profiles": 1, "events": 6})
        );
        assert_eq!(report.retained, ["a hash"]);
        assert!(report.found_something());
    }
}
