use chappe_store::schema::{self, Migration};

pub(super) fn migration() -> Migration {
    Migration::new("m0001_initial")
        .run(schema::RETIRED_PROFILES)
        .run(schema::IDEMPOTENCY)
        .run(PROFILES)
        .run(EVENTS)
        .run(FEED)
        .run(APART)
}

/// Activity is apart from the profile, and indexed by day only: a write that changes no indexed column stays
/// within its page on PostgreSQL.
const PROFILES: &[&str] = &[
    "create table profiles (
        project_id {uuid} not null,
        profile_id {uuid} not null,
        custom_id text,
        email_key text,
        attributes {json} not null,
        version {bigint} not null,
        created_at {bigint} not null,
        primary key (project_id, profile_id)
    )",
    "create index profiles_email_key on profiles (project_id, email_key) where email_key is not null",
    "create table profile_activity (
        project_id {uuid} not null,
        profile_id {uuid} not null,
        last_activity_at {bigint} not null,
        last_activity_day {bigint} not null,
        primary key (project_id, profile_id)
    )",
    "create index profile_activity_day on profile_activity (project_id, last_activity_day)",
    "create table project_activity (
        project_id {uuid} not null primary key,
        newest_accepted_at {bigint} not null
    )",
];

/// The primary key decides what is a duplicate.
const EVENTS: &[&str] = &[
    "create table events (
        project_id {uuid} not null,
        event_id {uuid} not null,
        profile_id {uuid} not null,
        name text not null,
        time {bigint} not null,
        attributes {json} not null,
        native {bool} not null,
        received_at {bigint} not null,
        received_day {bigint} not null,
        primary key (project_id, event_id)
    )",
    "create index events_profile on events (project_id, profile_id, name, time)",
    "create index events_received on events (project_id, received_day)",
];

/// The queue that automation empties. A pull covers all projects, so its index begins with the lane.
const FEED: &[&str] = &[
    "create table interests (
        project_id {uuid} not null,
        name text not null,
        primary key (project_id, name)
    )",
    "create table feed (
        project_id {uuid} not null,
        event_id {uuid} not null,
        lane {bigint} not null,
        profile_id {uuid} not null,
        custom_id text,
        version {bigint} not null,
        idx {bigint} not null,
        name text not null,
        time {bigint} not null,
        attributes {json} not null,
        accepted_at {bigint} not null,
        traceparent text,
        primary key (project_id, event_id)
    )",
    "create index feed_order on feed (lane, profile_id, version, idx)",
];

/// What is keyed by the custom id. It may take 4 KiB, more than a B-tree entry holds: the key is its digest.
const APART: &[&str] = &[
    "create table app_users (
        project_id {uuid} not null,
        custom_id_hash {bytes} not null,
        app_id {uuid} not null,
        custom_id text not null,
        attributes {json} not null,
        updated_at {bigint} not null,
        primary key (project_id, custom_id_hash, app_id)
    )",
    "create table blocked_subjects (
        project_id {uuid} not null,
        subject_hash {bytes} not null,
        until {bigint} not null,
        primary key (project_id, subject_hash)
    )",
];
