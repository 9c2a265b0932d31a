mod consent;
mod delivery;
mod failures;
mod people;
mod profiles;
mod resources;
mod support;
mod tracking;
