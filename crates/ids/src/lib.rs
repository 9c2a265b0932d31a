//! Identifiers of the mesh: one newtype per thing, so that a wrong id does not compile.
//!
//! Ids are UUIDs. Fresh ones are version 7 and come from the kit's id generator; derived ones are
//! version 5 over a stable name, so that doing the same work twice names the same thing.

mod derived;
mod lane;
mod macros;

pub use derived::{event_id_from_client, event_id_from_import, event_id_from_key, message_id};
pub use lane::{LANES, lane_of};

macros::id! {
    /// A project: the tenant. Every table, key and query is scoped by it.
    ProjectId,
    /// An app of a project on one platform (iOS, Android, web).
    AppId,
    /// One person, as the omnichannel model sees them. A person who comes back after deletion gets a new one.
    ProfileId,
    /// One event. Unique per project for as long as events are kept.
    EventId,
    /// An automation, whatever its version.
    AutomationId,
    /// One person's walk through one automation.
    EntryId,
    /// One e-mail to one person. Derived from (entry, step), so handing over twice is handing over once.
    MessageId,
    /// A privacy request: review or erasure.
    RequestId,
    /// An inactivity run.
    RunId,
    /// One claim of leased work. A fresh value per claiming, never the worker's name.
    ClaimId,
}
