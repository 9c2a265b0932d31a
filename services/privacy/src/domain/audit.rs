//! The audit trail: a chain in which every entry seals the one before it.

use chappe_ids::ProjectId;
use chappe_kit::{Timestamp, keys::Key};
use uuid::Uuid;

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    RequestCreated,
    RequestDone,
    RunStarted,
    RunFinished,
    BrakeHeld,
}

impl Event {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RequestCreated => "request_created",
            Self::RequestDone => "request_done",
            Self::RunStarted => "run_started",
            Self::RunFinished => "run_finished",
            Self::BrakeHeld => "brake_held",
        }
    }
}

/// One entry. It holds no personal data: of the person only a keyed hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: i64,
    pub(crate) at: Timestamp,
    pub(crate) event: String,
    /// The request or run.
    pub(crate) subject: Uuid,
    /// Keyed hash of the person; empty for runs.
    pub(crate) target_hash: Vec<u8>,
    pub(crate) detail: String,
}

/// A place in the chain: the last entry and its seal. The chain of a project begins at zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: i64,
    pub(crate) hash: Vec<u8>,
}

impl Head {
    pub(crate) fn genesis() -> Self {
        Self {
            seq: 0,
            hash: vec![0; 32],
        }
    }

    /// The seal of the entry that follows: HMAC-SHA-256 over this seal and every field of the entry.
    pub(crate) fn seal(&self, key: &Key, project: ProjectId, entry: &Entry) -> [u8; 32] {
        let mut message = Vec::new();
        for field in [
            &self.hash[..],
            project.as_uuid().as_bytes(),
            &entry.seq.to_be_bytes(),
            &entry.at.micros().to_be_bytes(),
            entry.event.as_bytes(),
            entry.subject.as_bytes(),
            &entry.target_hash,
            entry.detail.as_bytes(),
        ] {
            // With their lengths, so that no byte can move from one field to the next.
            message.extend_from_slice(&(field.len() as u64).to_be_bytes());
            message.extend_from_slice(field);
        }
        key.mac(&message)
    }

    /// Steps to the next entry, if it is the one that was written after this.
    pub(crate) fn follow(&self, key: &Key, project: ProjectId, entry: &Entry, seal: &[u8]) -> Option<Self> {
        let expected = self.seal(key, project, entry);
        (entry.seq == self.seq + 1 && expected == seal).then(|| Self {
            seq: entry.seq,
            hash: expected.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use chappe_kit::MasterKey;

    use super::*;

    const PROJECT: ProjectId = ProjectId::from_uuid(Uuid::from_u128(1));

    fn entry() -> Entry {
        Entry {
            seq: 1,
            at: Timestamp::from_micros(7),
            event: Event::RequestDone.name().to_owned(),
            subject: Uuid::from_u128(2),
            target_hash: vec![1, 2],
            detail: "{}".to_owned(),
        }
    }

    #[test]
    fn every_field_is_sealed() {
        let key = MasterKey::new([7; 32]).derive("test");
        let start = Head::genesis();
        let seal = start.seal(&key, PROJECT, &entry());
        assert_eq!(start.follow(&key, PROJECT, &entry(), &seal).unwrap().seq, 1);
        let changes: [fn(&mut Entry); 6] = [
            |entry| entry.seq = 2,
            |entry| entry.at = Timestamp::from_micros(8),
            |entry| entry.event.push('x'),
            |entry| entry.subject = Uuid::from_u128(3),
            |entry| entry.target_hash = vec![1],
            |entry| entry.detail.clear(),
        ];
        for change in changes {
            let mut forged = entry();
            change(&mut forged);
            assert_eq!(start.follow(&key, PROJECT, &forged, &seal), None, "{forged:?}");
        }
        let other = ProjectId::from_uuid(Uuid::from_u128(9));
        assert_eq!(start.follow(&key, other, &entry(), &seal), None);
    }
}
