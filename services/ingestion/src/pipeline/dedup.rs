//! Events that are known to be committed are not sent again.
//!
//! A mark names the event *and* its profile: once a person was deleted, the same event for the profile
//! that follows is new again, and Redis must not be the one to say otherwise. The database decides
//! about every event without a mark.

use std::time::Duration;

use chappe_ids::{EventId, ProfileId, ProjectId};
use uuid::Uuid;

use super::{Done, resolve::Resolved};
use crate::App;

/// How long a mark saves work: as long as clients usually go on retrying.
const MARKED_FOR: Duration = Duration::from_hours(1);

/// Takes out events that are marked, and edits that are empty without them.
pub(super) async fn drop_seen(
    app: &App,
    project: ProjectId,
    mut resolved: Vec<Resolved>,
    done: &mut Done,
) -> Vec<Resolved> {
    let marks: Vec<EventId> = resolved.iter().flat_map(marks_of).collect();
    if marks.is_empty() {
        return resolved;
    }
    let mut seen = app.coordination.dedup.seen(project, &marks).await.into_iter();
    resolved.retain_mut(|resolved| {
        let edit = &mut resolved.pending.edit;
        let before = edit.events.len();
        let (mut kept, mut ids) = (Vec::with_capacity(before), Vec::with_capacity(before));
        for (event, id) in edit.events.drain(..).zip(resolved.pending.event_ids.drain(..)) {
            let is_seen = event.id.is_some() && seen.next().unwrap_or(false);
            if is_seen {
                done.events_duplicate += 1;
            } else {
                kept.push(event);
                ids.push(id);
            }
        }
        let dropped = before - kept.len();
        (edit.events, resolved.pending.event_ids) = (kept, ids);
        let empty = edit.events.is_empty() && edit.attributes.is_empty();
        !(empty && dropped > 0 && !resolved.created)
    });
    resolved
}

/// Marks events after their commit.
pub(super) async fn mark(app: &App, project: ProjectId, committed: &[(ProfileId, EventId)]) {
    let marks: Vec<EventId> = committed
        .iter()
        .map(|(profile, event)| mark_of(*profile, *event))
        .collect();
    if !marks.is_empty() {
        app.coordination.dedup.mark(project, &marks, MARKED_FOR).await;
    }
}

/// Only events that the client named can come again under the same id.
fn marks_of(resolved: &Resolved) -> impl Iterator<Item = EventId> {
    let named = resolved.pending.edit.events.iter().filter_map(|event| event.id);
    named.map(|event| mark_of(resolved.profile, event))
}

fn mark_of(profile: ProfileId, event: EventId) -> EventId {
    EventId::from_uuid(Uuid::new_v5(&profile.as_uuid(), event.as_uuid().as_bytes()))
}
