//! Whom a service trusts: every RPC as every caller, and as another project.

mod callers;
mod requests;
mod rows;
mod tenants;
mod world;
