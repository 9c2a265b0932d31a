use chappe_store::schema::{self, Migration};

pub(super) fn migration() -> Migration {
    Migration::new("m0001_initial")
        .run(schema::LEASES)
        .run(REQUESTS)
        .run(ARCHIVES)
        .run(AUDIT)
        .run(INACTIVITY)
}

/// What names a person is null or empty once a removal is done.
const REQUESTS: &[&str] = &[
    "create table requests (
        project_id {uuid} not null,
        request_id {uuid} not null,
        kind {bigint} not null,
        created_at {bigint} not null,
        done_at {bigint},
        error text not null,
        identifier_type text not null,
        identifier_value text not null,
        target {json},
        target_hash {bytes} not null,
        profiles {json},
        claimed_by {uuid},
        lease_until {bigint} not null,
        available_at {bigint} not null,
        attempts {bigint} not null,
        primary key (project_id, request_id)
    )",
    "create index requests_due on requests (available_at) where done_at is null",
    "create index requests_made on requests (project_id, created_at)",
    // By which an erasure finds the reviews of the same person.
    "create table request_subjects (
        project_id {uuid} not null,
        subject_hash {bytes} not null,
        request_id {uuid} not null,
        primary key (project_id, subject_hash, request_id)
    )",
    "create index request_subjects_request on request_subjects (project_id, request_id)",
    "create table participants (
        project_id {uuid} not null,
        request_id {uuid} not null,
        service text not null,
        place {bigint} not null,
        blocked {bool} not null,
        erased {bool} not null,
        verified {bool} not null,
        deleted {json} not null,
        retained {json} not null,
        primary key (project_id, request_id, service)
    )",
];

const ARCHIVES: &[&str] = &[
    "create table archives (
        project_id {uuid} not null,
        request_id {uuid} not null,
        name_hash {bytes} not null unique,
        chunks {bigint} not null,
        expires_at {bigint} not null,
        primary key (project_id, request_id)
    )",
    "create index archives_expires on archives (expires_at)",
    "create table archive_chunks (
        project_id {uuid} not null,
        request_id {uuid} not null,
        chunk {bigint} not null,
        content {bytes} not null,
        primary key (project_id, request_id, chunk)
    )",
];

/// The head makes writers of one project queue, and tells when the newest entries are missing.
const AUDIT: &[&str] = &[
    "create table audit_heads (
        project_id {uuid} not null primary key,
        seq {bigint} not null,
        hash {bytes} not null
    )",
    "create table audit_entries (
        project_id {uuid} not null,
        seq {bigint} not null,
        at {bigint} not null,
        event text not null,
        subject_id {uuid} not null,
        target_hash {bytes} not null,
        detail text not null,
        previous_hash {bytes} not null,
        hash {bytes} not null,
        primary key (project_id, seq)
    )",
];

const INACTIVITY: &[&str] = &[
    "create table inactivity_runs (
        project_id {uuid} not null,
        run_id {uuid} not null,
        state {bigint} not null,
        created_at {bigint} not null,
        finished_at {bigint},
        cutoff {bigint} not null,
        dry_run {bool} not null,
        max_ratio double precision,
        population {bigint} not null,
        candidates {bigint} not null,
        allowed {bigint} not null,
        deleted {bigint} not null,
        cursor_after text not null,
        brakes {json} not null,
        available_at {bigint} not null,
        attempts {bigint} not null,
        primary key (project_id, run_id)
    )",
    "create index inactivity_runs_open on inactivity_runs (project_id, created_at) where finished_at is null",
];
