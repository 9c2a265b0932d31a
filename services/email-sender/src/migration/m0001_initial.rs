use chappe_store::schema::{self, Migration};

pub(super) fn migration() -> Migration {
    Migration::new("m0001_initial")
        .run(schema::OUTBOX)
        .run(schema::LEASES)
        .run(schema::RETIRED_PROFILES)
        .run(RESOURCES)
        .run(MESSAGES)
        .run(ADDRESSES)
}

/// `resources` says which version is current; versions stay for the messages that were taken over with them.
const RESOURCES: &[&str] = &[
    "create table resources (
        project_id {uuid} not null,
        kind text not null,
        name text not null,
        version {bigint} not null,
        deleted {bool} not null,
        primary key (project_id, kind, name)
    )",
    "create table resource_versions (
        project_id {uuid} not null,
        kind text not null,
        name text not null,
        version {bigint} not null,
        spec {json} not null,
        created_at {bigint} not null,
        primary key (project_id, kind, name, version)
    )",
];

/// The numbers of `state` are those of `MessageState`. Recipient and links are known from the first attempt on.
const MESSAGES: &[&str] = &[
    "create table messages (
        project_id {uuid} not null,
        message_id {uuid} not null,
        profile_id {uuid} not null,
        state {bigint} not null,
        reason text,
        class {bigint} not null,
        template text not null,
        template_version {bigint} not null,
        sender text not null,
        sender_version {bigint} not null,
        orchestration_id text not null,
        step text not null,
        event_name text not null,
        event_attributes {json},
        event_accepted_at {bigint},
        lane {bigint} not null,
        traceparent text,
        enqueued_at {bigint} not null,
        due_at {bigint} not null,
        claimed_by {uuid},
        lease_until {bigint},
        attempts {bigint} not null default 0,
        first_attempt_at {bigint},
        finished_at {bigint},
        recipient text,
        links {json},
        primary key (project_id, message_id)
    )",
    "create index messages_due on messages (due_at, message_id) where state in (1, 5)",
    "create index messages_leased on messages (lease_until) where state in (2, 3)",
    "create index messages_profile on messages (project_id, profile_id, enqueued_at)",
    "create index messages_newest on messages (project_id, enqueued_at)",
    "create table outcomes (
        project_id {uuid} not null,
        message_id {uuid} not null,
        profile_id {uuid} not null,
        lane {bigint} not null,
        state {bigint} not null,
        reason text,
        created_at {bigint} not null,
        primary key (project_id, message_id)
    )",
    "create index outcomes_lane on outcomes (lane, created_at)",
    "create index outcomes_profile on outcomes (project_id, profile_id)",
];

/// Keyed hashes of addresses. They outlive profiles and erasures. `relayed_at` tells when profile-store has taken an
/// opt-out over: profiles read after that carry it themselves.
const ADDRESSES: &[&str] = &[
    "create table suppressions (
        project_id {uuid} not null,
        address_hash {bytes} not null,
        reason text not null,
        classes {bigint} not null,
        source text not null,
        since {bigint} not null,
        primary key (project_id, address_hash)
    )",
    "create table opt_outs (
        project_id {uuid} not null,
        address_hash {bytes} not null,
        message_id {uuid} not null,
        at {bigint} not null,
        relayed_at {bigint},
        primary key (project_id, address_hash)
    )",
];
