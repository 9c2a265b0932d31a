//! Queries, one file per aggregate.

pub(crate) mod archive;
pub(crate) mod audit;
pub(crate) mod participant;
pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod subject;
