//! The service through its contract, on both stores.

mod app_data;
mod apply;
mod concurrency;
mod engagement;
mod feed;
mod idempotency;
mod inactivity;
mod purge;
mod statements;
mod subject;
mod support;
mod targeting;
mod tenancy;
