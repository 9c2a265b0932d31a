use chappe_store::schema::{self, Migration};

pub(super) fn migration() -> Migration {
    Migration::new("m0001_initial").run(schema::RETIRED_PROFILES).run(&[
        "create table projects (
            project_id {uuid} not null primary key,
            project_key text not null unique,
            name text not null unique,
            settings {json} not null,
            version {bigint} not null,
            created_at {bigint} not null
        )",
        "create table apps (
            project_id {uuid} not null,
            app_id {uuid} not null,
            platform text not null,
            app_key text not null unique,
            created_at {bigint} not null,
            primary key (project_id, app_id)
        )",
        // A REST key opens every project of the installation: its rows belong to project zero.
        "create table rest_keys (
            project_id {uuid} not null,
            key_hash {bytes} not null,
            created_at {bigint} not null,
            primary key (project_id, key_hash)
        )",
        // A custom id may take 4 KiB, more than a B-tree entry holds: the key is its digest.
        "create table identifiers (
            project_id {uuid} not null,
            kind {bigint} not null,
            value_hash {bytes} not null,
            value text not null,
            profile_id {uuid} not null,
            created_at {bigint} not null,
            primary key (project_id, kind, value_hash)
        )",
        "create index identifiers_profile on identifiers (project_id, profile_id)",
        "create table blocked_subjects (
            project_id {uuid} not null,
            subject_hash {bytes} not null,
            until {bigint} not null,
            primary key (project_id, subject_hash)
        )",
    ])
}
