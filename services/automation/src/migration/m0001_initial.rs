use chappe_store::schema::{self, Migration};

pub(super) fn migration() -> Migration {
    Migration::new("m0001_initial")
        .run(schema::OUTBOX)
        .run(schema::LEASES)
        .run(schema::RETIRED_PROFILES)
        .run(DEFINITIONS)
        .run(ENTRIES)
        .run(FEED)
        .run(LANES)
}

const DEFINITIONS: &[&str] = &[
    // What an automation is now.
    "create table automations (
        project_id {uuid} not null,
        automation_id {uuid} not null,
        name text not null,
        version {bigint} not null,
        state text not null,
        primary key (project_id, automation_id),
        unique (project_id, name)
    )",
    // What it ever was: entries finish on their version.
    "create table definitions (
        project_id {uuid} not null,
        automation_id {uuid} not null,
        version {bigint} not null,
        spec {json} not null,
        created_at {bigint} not null,
        primary key (project_id, automation_id, version)
    )",
    // The event names that profile-store was last told.
    "create table interests (
        project_id {uuid} not null primary key,
        event_names {json} not null
    )",
];

const ENTRIES: &[&str] = &[
    "create table entries (
        project_id {uuid} not null,
        entry_id {uuid} not null,
        automation_id {uuid} not null,
        version {bigint} not null,
        profile_id {uuid} not null,
        lane {bigint} not null,
        end_reason text,
        ended_at {bigint},
        step text,
        phase text,
        due_at {bigint},
        event {json} not null,
        entered_at {bigint} not null,
        attempted {bool} not null,
        sent {bigint} not null,
        revision {bigint} not null,
        primary key (project_id, entry_id)
    )",
    // Led by the automation, so that looking for due entries never walks over those of a stopped one.
    "create index entries_due on entries (project_id, automation_id, due_at) where end_reason is null",
    "create index entries_of_profile on entries (project_id, profile_id, automation_id)",
    "create index entries_live on entries (project_id, automation_id, version) where end_reason is null",
    "create index entries_ended on entries (ended_at) where end_reason is not null",
    // Messages whose outcome is not known yet: they count as sent, and may be taken back.
    "create table open_messages (
        project_id {uuid} not null,
        message_id {uuid} not null,
        entry_id {uuid} not null,
        profile_id {uuid} not null,
        lane {bigint} not null,
        primary key (project_id, message_id)
    )",
    "create index open_messages_of_entry on open_messages (project_id, entry_id)",
    "create index open_messages_of_profile on open_messages (project_id, profile_id)",
];

const FEED: &[&str] = &[
    "create table processed_events (
        project_id {uuid} not null,
        event_id {uuid} not null,
        profile_id {uuid} not null,
        processed_at {bigint} not null,
        primary key (project_id, event_id)
    )",
    "create index processed_events_age on processed_events (processed_at)",
    "create index processed_events_of_profile on processed_events (project_id, profile_id)",
    "create table parked_rows (
        project_id {uuid} not null,
        row_id text not null,
        profile_id text not null,
        event_id text not null,
        event_name text not null,
        reason text not null,
        parked_at {bigint} not null,
        primary key (project_id, row_id)
    )",
];

// Lanes and workers belong to no project: their rows carry project zero.
const LANES: &[&str] = &[
    "create table lanes (
        project_id {uuid} not null,
        lane {bigint} not null,
        owner {uuid} not null,
        epoch {bigint} not null,
        until {bigint} not null,
        primary key (project_id, lane)
    )",
    "create table workers (
        project_id {uuid} not null,
        worker_id {uuid} not null,
        seen_at {bigint} not null,
        primary key (project_id, worker_id)
    )",
];
