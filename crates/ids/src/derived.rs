//! Ids that are computed, not minted.

use uuid::Uuid;

use crate::{EntryId, EventId, MessageId, ProjectId};

/// Separates the parts of a name. It cannot occur in a custom id (control characters are refused), so
/// two different lists of parts never make the same name.
const SEPARATOR: char = '\u{1f}';

/// The id of an event that the client named itself with `$id`.
pub fn event_id_from_client(project: ProjectId, id: &str) -> EventId {
    EventId::from_uuid(derive(project.as_uuid(), &["$id", id]))
}

/// The id of an event of a call made under an idempotency key: the key, the digest of the request, the item's and the
/// event's index. Events outlive keys: another request under a key that has expired must not find its events taken.
pub fn event_id_from_key(project: ProjectId, key: &str, digest: &[u8], item: usize, event: usize) -> EventId {
    let request = Uuid::new_v5(&project.as_uuid(), digest);
    EventId::from_uuid(derive(request, &["key", key, &item.to_string(), &event.to_string()]))
}

/// The id of an event read from a file. `occurrence` counts the equal rows before it in the file, so a
/// second import, a resumed one and a grown file all converge, and two equal purchases stay two.
pub fn event_id_from_import(
    project: ProjectId,
    custom_id: &str,
    event: &str,
    time_micros: i64,
    attributes: &str,
    occurrence: u32,
) -> EventId {
    EventId::from_uuid(derive(
        project.as_uuid(),
        &[
            "import",
            custom_id,
            event,
            &time_micros.to_string(),
            attributes,
            &occurrence.to_string(),
        ],
    ))
}

/// The id of the message that a step of an entry sends.
pub fn message_id(project: ProjectId, entry: EntryId, step: &str) -> MessageId {
    MessageId::from_uuid(derive(project.as_uuid(), &["message", &entry.to_string(), step]))
}

fn derive(namespace: Uuid, parts: &[&str]) -> Uuid {
    Uuid::new_v5(&namespace, parts.join(&SEPARATOR.to_string()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_get_different_ids() {
        let project = ProjectId::from_uuid(Uuid::from_u128(1));
        let first = event_id_from_import(project, "u1", "purchase", 0, "{}", 0);
        let second = event_id_from_import(project, "u1", "purchase", 0, "{}", 1);
        assert_ne!(first, second);
        assert_eq!(first, event_id_from_import(project, "u1", "purchase", 0, "{}", 0));
    }

    #[test]
    fn another_request_under_an_old_key_names_other_events() {
        let project = ProjectId::from_uuid(Uuid::from_u128(1));
        let first = event_id_from_key(project, "k", b"one", 0, 0);
        assert_eq!(first, event_id_from_key(project, "k", b"one", 0, 0));
        assert_ne!(first, event_id_from_key(project, "k", b"two", 0, 0));
        assert_ne!(first, event_id_from_key(project, "l", b"one", 0, 0));
    }

    #[test]
    fn projects_do_not_share_ids() {
        let (one, two) = (
            ProjectId::from_uuid(Uuid::from_u128(1)),
            ProjectId::from_uuid(Uuid::from_u128(2)),
        );
        assert_ne!(event_id_from_client(one, "x"), event_id_from_client(two, "x"));
    }
}
