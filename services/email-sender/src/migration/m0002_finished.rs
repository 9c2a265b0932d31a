use chappe_store::schema::Migration;

/// By which messages are forgotten.
pub(super) fn migration() -> Migration {
    Migration::new("m0002_finished")
        .run(&["create index messages_finished on messages (finished_at) where finished_at is not null"])
}
