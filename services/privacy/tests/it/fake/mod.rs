//! The other services, as far as privacy calls them.

mod gate;
mod identity;
mod profiles;
mod subject;

pub(crate) use gate::Gate;
pub(crate) use identity::Identity;
pub(crate) use profiles::Profiles;
pub(crate) use subject::{Log, Subject};
